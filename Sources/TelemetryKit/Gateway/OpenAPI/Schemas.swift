import TelemetryModels

/// The JSON schemas of the answers, by name, as they stand in the OpenAPI document, each with an example.
enum Schemas {
    static let all: [(name: String, json: String)] = service + store + fleet + catalogue + prometheus + lists

    private static let service = [
        schema("Health", [("status", #"{"const":"ok"}"#)], example: #"{"status":"ok"}"#),
        schema(
            "Readiness",
            [
                ("status", #"{"enum":["ready","not_ready"]}"#),
                ("checks", array(object([("name", text), ("ready", flag), ("detail", text)]))),
            ], example: #"{"status":"ready","checks":[{"name":"store","ready":true,"detail":"answers"}]}"#),
        schema(
            "Error",
            [
                ("error", described(text, "A code for programs.")),
                ("message", described(text, "Names the parameter and its value, or what is wrong.")),
                ("type", #"{"type":"string","format":"uri-reference"}"#), ("title", text),
                ("status", #"{"type":"integer","minimum":400,"maximum":599}"#), ("detail", text),
            ],
            example:
                #"{"error":"bad_request","message":"limit=0 must be from 1 to 1000","type":"about:blank","title":"Bad Request","status":400,"detail":"limit=0 must be from 1 to 1000"}"#
        ),
        (
            "EventStream",
            #"{"type":"string","description":"event: samples with data of an array of Sample; event: dropped with data of {\"reason\":…} as the last; comments as heartbeat.","examples":["event: samples\ndata: []\n\n"]}"#
        ),
    ]

    private static let store = [
        schema(
            "GPU", gpuMembers + [("first_seen", time), ("last_seen", time)],
            example: gpuExample + #","first_seen":"2025-07-18T20:42:34Z","last_seen":"2025-07-18T20:42:37Z"}"#),
        schema(
            "Metric", [("name", text), ("sample_count", count), ("gpu_count", count)],
            example: #"{"name":"DCGM_FI_DEV_GPU_TEMP","sample_count":1200,"gpu_count":8}"#),
        schema(
            "Sample",
            [("timestamp", time), ("metric_name", text)] + gpuMembers
                + [("value", number), ("labels", #"{"type":"object","additionalProperties":{"type":"string"}}"#)],
            example: gpuExample
                + #","timestamp":"2025-07-18T20:42:34Z","metric_name":"DCGM_FI_DEV_GPU_TEMP","value":41,"labels":{"job":"dgx"}}"#
        ),
        schema(
            "Statistics",
            [
                (
                    "store",
                    object([
                        ("sample_count", count), ("gpu_count", count), ("metric_count", count), ("host_count", count),
                        ("oldest", timeOrNull),
                        ("newest", timeOrNull),
                    ])
                ), ("uptime_seconds", count),
            ],
            further: described(
                #"{"type":"object"}"#,
                "Of the program: queue tells how far it has read, queue_server what the queue says of itself."),
            example:
                #"{"store":{"sample_count":9600,"gpu_count":8,"metric_count":10,"host_count":1,"oldest":"2025-07-18T20:42:34Z","newest":"2025-07-18T20:42:37Z"},"uptime_seconds":60}"#
        ),
        schema(
            "AggregateSeries",
            [
                ("group", described(text, "A uuid, a hostname, or empty for the cluster.")),
                ("points", array(object([("time", time), ("value", numberOrNull)]))),
            ],
            example: #"{"group":"mtv5-dgx1-hgpu-031","points":[{"time":"2025-07-18T20:42:00Z","value":97.5}]}"#),
    ]

    private static let severity = #"{"enum":["warning","critical"]}"#
    private static let problemMembers = [
        ("uuid", text), ("metric_name", textOrNull), ("severity", severity), ("message", text),
    ]

    private static let fleet = [
        schema(
            "Host",
            [
                ("hostname", text), ("gpu_count", count), ("last_seen", time),
                ("health", #"{"enum":["ok","warning","critical","stale"]}"#),
                ("problems", array(object(problemMembers))),
            ],
            example:
                #"{"hostname":"mtv5-dgx1-hgpu-031","gpu_count":8,"last_seen":"2025-07-18T20:42:37Z","health":"ok","problems":[]}"#
        ),
        schema(
            "Alert",
            [
                ("kind", #"{"enum":["xid","ecc","thermal","stale","vanished","out_of_range"]}"#), ("hostname", text),
                ("gpu_id", text),
                ("value", numberOrNull), ("timestamp", time),
            ] + problemMembers,
            example:
                #"{"kind":"xid","uuid":"GPU-5fd4f087-86f3-7a43-b711-4771313afc50","hostname":"mtv5-dgx1-hgpu-031","gpu_id":"0","value":79,"timestamp":"2025-07-18T20:42:37Z","metric_name":"DCGM_FI_DEV_XID_ERRORS","severity":"critical","message":"Xid 79 ROBUST_CHANNEL_GPU_HAS_FALLEN_OFF_THE_BUS: The GPU cannot be reached over PCIe; drain and restart the node"}"#
        ),
    ]

    private static let catalogue = [
        schema(
            "Field",
            [
                ("id", #"{"type":["integer","null"],"minimum":0,"description":"DCGM's number of it."}"#),
                ("name", text),
                ("aliases", array(text)), ("kind", text),
                ("unit", described(text, "Empty for counts, ratios, states and masks.")),
                ("type", #"{"enum":["gauge","counter"]}"#),
                ("value_type", #"{"enum":["int64","double","text"]}"#), ("minimum", numberOrNull),
                ("maximum", numberOrNull),
                ("meaning", text),
            ],
            example:
                #"{"id":150,"name":"DCGM_FI_DEV_GPU_TEMP_CELSIUS","aliases":["DCGM_FI_DEV_GPU_TEMP","dcgm_gpu_temp"],"kind":"thermal","unit":"°C","type":"gauge","value_type":"int64","minimum":0,"maximum":150,"meaning":"Temperature of the GPU's die"}"#
        ),
        schema(
            "XID",
            [
                ("code", count), ("mnemonic", text), ("meaning", text),
                ("severity", #"{"enum":["informational","application","warning","critical"]}"#), ("action", text),
            ],
            example:
                #"{"code":79,"mnemonic":"ROBUST_CHANNEL_GPU_HAS_FALLEN_OFF_THE_BUS","meaning":"The GPU cannot be reached over PCIe","severity":"critical","action":"drain and restart the node"}"#
        ),
    ]

    private static let inAll = described(count, "Entries in all.")

    private static let lists = [
        list("GPUList", of: "GPU"), list("MetricList", of: "Metric"), list("LatestList", of: "Sample"),
        list("HostList", of: "Host"),
        list("AlertList", of: "Alert"), list("FieldList", of: "Field"), list("XIDList", of: "XID"),
        list(
            "TelemetryList", of: "Sample",
            optional: [
                ("total", described(count, "Entries in all; not where a cursor is given.")),
                ("next", described(text, "The cursor of the next page, where there is one.")),
            ]),
        list("TelemetryExport", of: "Sample", optional: []),
        list(
            "AggregateList", of: "AggregateSeries",
            further: [
                ("total", inAll), ("metric_name", text), ("function", text), ("window_seconds", number),
                ("group_by", text),
            ]),
    ]

    private static let prometheus = [
        schema(
            "PrometheusAnswer",
            [("status", #"{"const":"success"}"#), ("data", #"{"description":"As in the HTTP API of Prometheus."}"#)],
            example: #"{"status":"success","data":{"resultType":"vector","result":[]}}"#),
        schema(
            "PrometheusError",
            [
                ("status", #"{"const":"error"}"#),
                ("errorType", #"{"enum":["bad_data","execution","timeout","unavailable","internal"]}"#),
                ("error", text),
            ],
            example: #"{"status":"error","errorType":"bad_data","error":"invalid parameter \"step\": it is missing"}"#),
    ]

    // MARK: Parts

    private typealias Members = [(name: String, schema: String)]

    private static let text = #"{"type":"string"}"#
    private static let textOrNull = #"{"type":["string","null"]}"#
    private static let flag = #"{"type":"boolean"}"#
    private static let number = #"{"type":"number"}"#
    private static let numberOrNull = #"{"type":["number","null"]}"#
    private static let count = #"{"type":"integer","minimum":0}"#
    private static let time = #"{"type":"string","format":"date-time"}"#
    private static let timeOrNull = #"{"type":["string","null"],"format":"date-time"}"#

    private static let gpuMembers: Members = GPUMember.all.map { ($0.name, text) }

    /// Not closed.
    private static let gpuExample =
        "{" + GPUMember.all.map { #""\#($0.name)":"\#($0.example)""# }.joined(separator: ",")

    private static func described(_ schema: String, _ description: String) -> String {
        schema.dropLast() + #","description":"\#(description)"}"#
    }

    private static func array(_ items: String) -> String { #"{"type":"array","items":\#(items)}"# }

    private static func object(_ members: Members, optional: Members = []) -> String {
        let names = members.map { "\"\($0.name)\"" }.joined(separator: ",")
        let properties = (members + optional).map { "\"\($0.name)\":\($0.schema)" }.joined(separator: ",")
        return #"{"type":"object","required":[\#(names)],"properties":{\#(properties)}}"#
    }

    /// - Parameter further: of all members that have other names.
    private static func schema(_ name: String, _ members: Members, further: String? = nil, example: String) -> (
        name: String, json: String
    ) {
        let others = further.map { #","additionalProperties":\#($0)"# } ?? ""
        return (name, object(members).dropLast() + others + #","examples":[\#(example)]}"#)
    }

    private static func list(
        _ name: String, of item: String, optional: Members? = nil, further: Members = []
    ) -> (name: String, json: String) {
        let members: Members = [
            ("data", array(##"{"$ref":"#/components/schemas/\##(item)"}"##)),
            ("count", described(count, "Entries in this answer.")),
        ]
        let total: Members = optional == nil && further.isEmpty ? [("total", inAll)] : []
        return (name, object(members + total + further, optional: optional ?? []))
    }
}
