"""IAM's roles, schedules, SNS's topics, and the bucket in the SAM CLI's own stack."""

from .base import Made, Properties, ResourceType, without


class Role(ResourceType):
    def create(self, name: str, properties: Properties) -> Made:
        made = self.call("iam", "CreateRole", {"RoleName": name, **without(properties, "Policies")})["Role"]
        self._put_policies(made["RoleName"], properties)
        return Made(made["RoleName"], {"Arn": made["Arn"]})

    def update(self, made: Made, properties: Properties) -> None:
        name = {"RoleName": made.physical_id}
        self.call("iam", "UpdateAssumeRolePolicy", {**name, "PolicyDocument": properties["AssumeRolePolicyDocument"]})
        self.call("iam", "UpdateRole", {**name, **without(properties, "AssumeRolePolicyDocument", "Policies")})
        self._delete_policies(made.physical_id)
        self._put_policies(made.physical_id, properties)

    def delete(self, made: Made, properties: Properties) -> None:
        self._delete_policies(made.physical_id)
        self.call("iam", "DeleteRole", {}, RoleName=made.physical_id)

    def _put_policies(self, name: str, properties: Properties) -> None:
        for policy in properties.get("Policies", []):
            self.call("iam", "PutRolePolicy", {"RoleName": name, **policy})

    def _delete_policies(self, name: str) -> None:
        for policy in self.call("iam", "ListRolePolicies", {}, RoleName=name)["PolicyNames"]:
            self.call("iam", "DeleteRolePolicy", {}, RoleName=name, PolicyName=policy)


class Schedule(ResourceType):
    def create(self, name: str, properties: Properties) -> Made:
        made = self.call("scheduler", "CreateSchedule", {"Name": name, **properties})
        return Made(name, {"Arn": made["ScheduleArn"]})

    def update(self, made: Made, properties: Properties) -> None:
        self.call("scheduler", "UpdateSchedule", {"Name": made.physical_id, **properties})

    def delete(self, made: Made, properties: Properties) -> None:
        self.call("scheduler", "DeleteSchedule", {}, Name=made.physical_id)


class Topic(ResourceType):
    replaced = True

    def create(self, name: str, properties: Properties) -> Made:
        attributes = without(properties, "TopicName", "Subscription")
        arn = self.call("sns", "CreateTopic", {"Name": properties.get("TopicName", name), "Attributes": attributes})[
            "TopicArn"
        ]
        for subscription in properties.get("Subscription", []):
            self.call("sns", "Subscribe", {"TopicArn": arn, **subscription})
        return Made(arn)

    def delete(self, made: Made, properties: Properties) -> None:
        self.call("sns", "DeleteTopic", {}, TopicArn=made.physical_id)


class Bucket(ResourceType):
    replaced = True

    def create(self, name: str, properties: Properties) -> Made:
        bucket = {"Bucket": name.lower()}
        rules = [
            {"ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"]}
            for rule in properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        ]
        encryption = {"ServerSideEncryptionConfiguration": {"Rules": rules}}
        self.call("s3", "CreateBucket", bucket)
        self.call("s3", "PutBucketEncryption", {**bucket, **encryption})
        for operation, key in (
            ("PutPublicAccessBlock", "PublicAccessBlockConfiguration"),
            ("PutBucketVersioning", "VersioningConfiguration"),
        ):
            self.call("s3", operation, {**bucket, key: properties[key]})
        self.call("s3", "PutBucketTagging", {**bucket, "Tagging": {"TagSet": properties["Tags"]}})
        return Made(bucket["Bucket"])

    def delete(self, made: Made, properties: Properties) -> None:
        self.call("s3", "DeleteBucket", {}, Bucket=made.physical_id)


class BucketPolicy(ResourceType):
    """The policy of the SAM CLI's own bucket, which is not made.

    It refuses what comes without TLS; moto does not read conditions and would refuse everything.
    """

    def create(self, name: str, properties: Properties) -> Made:
        return Made(properties["Bucket"])

    def delete(self, made: Made, properties: Properties) -> None:
        pass
