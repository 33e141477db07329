"""The ordinary words of English, and those that the messages of Bedrock and of its models are made of.

That a request has these words, too, tells nothing of it. Names and the words of particular subjects are not among them.
"""

import re

COMMON_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
        10 15 30 60 100 400 401 402 403 404 405 408 409 413 415 422 424 429 500 502 503 504 529 a able abort aborted
        about above accept acceptable accepted accepts access account accounts across act action actions activate
        activated active actively add added additional adjust administrator after again against ago agreement ai alias
        all allow allowed allows almost along already also alternate alternating although always am amazon amazonaws
        among amount an and annual another anthropic any anyone anything ap api apis app application applications
        applied apply are aren argument arguments arn around array arrays as aside ask asked assigned assistant assume
        assumed assumption at attach attached attempt attempted attempts attribute attributes authenticate authenticated
        authentication authorization authorize authorized availability available avoid away aws back backoff bad balance
        base based batch be became because become bedrock been before begin begins being below best beta better between
        billing block blocked blocks body boolean both bring broken browser budget buffer busy but by bytes ca cache
        cached calculated call called caller calls came can cancelled cannot capacity case cases central certificate
        challenge chance change changed changes character characters chat check checked checksum choice choices choose
        chunk chunks client close closed cloud code codes cohere com combination combined come comes complete completed
        completely completion completions compliance computed concurrency concurrent condition conditions configuration
        configure configured conflict connect connected connecting connection connections console constraint constraints
        consumed contact contain contained contains content contents context continue conversation converse
        conversestream converted correct correctly corrupt could couldn count create created creation credential
        credentials credit credits cross current currently custom customized d daily data database date day days decode
        decoding deepseek default defined definition definitions delay delete deleted demand denied deny depends deploy
        deployed deployment deprecated describe described description deserialization deserialize detail detailed
        details detect detected developer did didn different digit digits dimension dimensions direct disabled
        disallowed disconnected discontinued dns do docs document documentation documents does doesn doing don done
        doubled down dropped due duplicate duration during each early east edit effect either element elements else
        email embedding embeddings empty enable enabled encode encoded encoding encounter encountered end ended endpoint
        endpoints ends enough ensure enterprise entity enum environment error errors eu evaluation even event events
        ever every everything exact exactly exceed exceeded exceeding exceeds except exception exceptions exclusive
        execute execution exhausted exist existing exists expected expects expire expired expires explicit explicitly
        expression extra extraneous fail failed failing fails failure false far feature features few field fields file
        files fill filled filter filtered filters final find finish finished first fit fix float follow following
        follows for forbidden form format formats formatting former found foundation frequency frequently from fulfill
        full function functions further gateway gave general generate generated generating generation generative get
        gets give given gives global go goes going good google got grant granted great greater group grow guardrail
        guardrails guide had handle handshake happen has hasn have haven having he header headers help her here high
        higher him his host hour hours how however http https i iam id identical identified identifier identifiers
        identify identity ids if ignored image images imported in inactive incident include included includes including
        incoming incomplete incorrect incorrectly increase index indicate inference info information initial initiated
        inline input inputs instance instances instead instructions instrument insufficient integer intended interface
        internal interrupted interval intervened into invalid invocation invocations invoke invoked invokemodel
        invokemodelwithresponsestream invoking ip is isn issue issues it item items its itself json just k keep kept key
        keys kind kms know known label language languages large larger last late latency later latest latter leading
        least left legacy legal length less let letters level license life lifecycle like likely limit limited limits
        line lines link list listed lite little ll llama load loaded loading local location log logged login logprobs
        long longer look looks lost lot low lower m made maintenance make makes making malformed manage managed many map
        mark marked marketplace match matches matching max maximum may me mean means media member members memory message
        messages met meta method might min minimum minute minutes mismatch missing mistral mode model modelid models
        modified modify month monthly more most much multi multimodal multiple must my name named names near necessary
        need needed needs neither network never new newer next no node non none nor not nothing now null number numbers
        object objects obtain occurred occurs of off official often old older on onboarding once one ones only onto open
        openai operation operations option optional options or order origin os other others otherwise our out output
        outputs outside over overload overloaded own p page parameter parameters parse parsed parser parsing part
        particular parties partition parts party pass passed path pattern patterns payload payment peer pending people
        per percent perform performance performed performing perhaps period permission permissions permit permits
        permitted pipe place plan platform please policies policy pool port positive possible post pre preceding prefill
        prefix premier presence present preview previous previously pricing prior probability problem problems process
        processed processing product production profile profiles program prohibited project prompt prompts properties
        property protocol provide provided provider providers provides provisioned proxy public purchase put python
        query queue quite quota quotas ran range rate rates rather ratio raw re reach reached read reading ready real
        really reason reasoning receive received recent recently recognized record reduce refer reference referenced
        references referring reformat refresh refused regex regexp region regional regions register registered registry
        regular reject rejected related release released remain remaining remote remove removed rename repeated replace
        replaced replacement report reported request requested requester requesting requests require required
        requirement requirements requires reset resolve resolved resource resources respond response responses
        responsible rest restart restricted result results resume retired retirement retries retry retrying return
        returned returns review revised right role roles root route rule rules run running runtime s safety said same
        satisfied satisfies satisfy saw say says schema schemas scope sdk search second seconds secure security see seem
        seems seen select selected send sending sent separate sequence sequences serialization serialize server servers
        service services session sessions set sets setting settings several shall shape she short shorter should show
        shown shows side signature signed signing similar simple simply since single size sizes slow slower small
        smaller so socket soft some something soon source south space specific specification specified specify ssl
        stability stack standard start started starts state statement status step still stop stopped stops storage store
        stream streamed streaming streams strict string strings structure structured sts sub submit submitted subscribe
        subscription subscriptions subset succeeded success successful successfully such suffix suitable sum supplied
        support supported supports sure syntax system systems t tag tags take taken takes target task technical
        temperature temporarily temporary terminated terms test text texts than that the their them then there therefore
        these they thing things think thinking third this those though three throttle throttled throttling through
        throughput thus tier time timed timeout times tls to today together token tokens too took tool toolchoice
        toolresult tools tooluse top topk topp total toward trace traffic trailing transaction transfer transient trial
        tried true try trying turn turns two type typed types unable unauthorized unavailable undefined under understand
        unexpected unicode unique unit unknown unless unprocessable unrecognized unsupported until up update updated
        updates upgrade upgraded upon uri url urls us usage use used useful user users uses using usually utf valid
        validate validated validation value values variable variables ve verification verified verify version versions
        very via video view viewsubscriptions violate violated violates virtual vision visit vpc wait waiting want wants
        warning was wasn way ways we week well went were west what whatever when where whether which while whitespace
        who whole whom whose why widely wildcard will window windows with within without won word words work working
        workspace would wouldn write writing written wrong x xml yaml year years yes yet you your yours zero
        """,
    )
)
