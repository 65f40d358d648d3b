/// The JSON schemas of the answers, by name, as they stand in the OpenAPI document.
enum Schemas {
    static let all: [(name: String, json: String)] = [
        ("Health", #"{"type":"object","required":["status"],"properties":{"status":{"const":"ok"}}}"#),
        (
            "Readiness",
            #"{"type":"object","required":["status","checks"],"properties":{"status":{"enum":["ready","not_ready"]},"checks":{"type":"array","items":{"type":"object","required":["name","ready","detail"],"properties":{"name":{"type":"string"},"ready":{"type":"boolean"},"detail":{"type":"string"}}}}}}"#
        ),
        (
            "Error",
            #"{"type":"object","required":["error","message"],"properties":{"error":{"type":"string","description":"A code for programs."},"message":{"type":"string","description":"Names the parameter and its value, or what is wrong."}},"examples":[{"error":"bad_request","message":"limit=0 must be from 1 to 1000"}]}"#
        ),
        (
            "GPU",
            #"{"type":"object","required":["gpu_id","device","uuid","model_name","hostname","container","pod","namespace","first_seen","last_seen"],"properties":{\#(gpuMembers),"first_seen":{"type":"string","format":"date-time"},"last_seen":{"type":"string","format":"date-time"}}}"#
        ),
        (
            "Metric",
            #"{"type":"object","required":["name","sample_count","gpu_count"],"properties":{"name":{"type":"string"},"sample_count":{"type":"integer","minimum":0},"gpu_count":{"type":"integer","minimum":0}}}"#
        ),
        (
            "Sample",
            #"{"type":"object","required":["timestamp","metric_name","gpu_id","device","uuid","model_name","hostname","container","pod","namespace","value","labels"],"properties":{"timestamp":{"type":"string","format":"date-time"},"metric_name":{"type":"string"},\#(gpuMembers),"value":{"type":"number"},"labels":{"type":"object","additionalProperties":{"type":"string"}}}}"#
        ),
        (
            "PrometheusAnswer",
            #"{"type":"object","required":["status","data"],"properties":{"status":{"const":"success"},"data":{"description":"As in the HTTP API of Prometheus."}}}"#
        ),
        (
            "PrometheusError",
            #"{"type":"object","required":["status","errorType","error"],"properties":{"status":{"const":"error"},"errorType":{"enum":["bad_data","execution","timeout","unavailable","internal"]},"error":{"type":"string"}}}"#
        ),
        ("GPUList", list(of: "GPU")),
        ("MetricList", list(of: "Metric")),
        ("TelemetryList", list(of: "Sample")),
        (
            "TelemetryExport",
            ##"{"type":"object","required":["data","count"],"properties":{"data":{"type":"array","items":{"$ref":"#/components/schemas/Sample"}},"count":{"type":"integer","minimum":0}}}"##
        ),
        (
            "Statistics",
            #"{"type":"object","required":["store","uptime_seconds"],"properties":{"store":{"type":"object","required":["sample_count","gpu_count","metric_count","host_count","oldest","newest"],"properties":{"sample_count":{"type":"integer","minimum":0},"gpu_count":{"type":"integer","minimum":0},"metric_count":{"type":"integer","minimum":0},"host_count":{"type":"integer","minimum":0},"oldest":{"type":["string","null"],"format":"date-time"},"newest":{"type":["string","null"],"format":"date-time"}}},"uptime_seconds":{"type":"integer","minimum":0}}}"#
        ),
    ]

    private static let gpuMembers =
        #""gpu_id":{"type":"string"},"device":{"type":"string"},"uuid":{"type":"string"},"model_name":{"type":"string"},"hostname":{"type":"string"},"container":{"type":"string"},"pod":{"type":"string"},"namespace":{"type":"string"}"#

    private static func list(of name: String) -> String {
        ##"{"type":"object","required":["data","count","total"],"properties":{"data":{"type":"array","items":{"$ref":"#/components/schemas/\##(name)"}},"count":{"type":"integer","minimum":0,"description":"Entries in this answer."},"total":{"type":"integer","minimum":0,"description":"Entries in all."}}}"##
    }
}
