/// Queries that people ask of DCGM's metrics, and all that the language has of what is supported.
enum KnownQueries {
    static let all = dashboard + alerts + selectors + aggregations + ranges + functions + operators + literals

    /// The panels of Grafana's dashboard 12239, with values that its variables take.
    static let dashboard = [
        "instance=~\".*\", gpu=~\".*\"", "instance=~\"dgx-031:9400\", gpu=~\"0\"",
        "instance=~\"(dgx-031:9400|dgx-032:9400)\", gpu=~\"(0|1)\"",
        "instance=~\"dgx-03.+\",gpu=~\"0|1\"",
    ].flatMap { choice in
        [
            "DCGM_FI_DEV_GPU_TEMP{\(choice)}", "avg(DCGM_FI_DEV_GPU_TEMP{\(choice)})",
            "DCGM_FI_DEV_POWER_USAGE{\(choice)}",
            "sum(DCGM_FI_DEV_POWER_USAGE{\(choice)})", "DCGM_FI_DEV_SM_CLOCK{\(choice)} * 1000000",
            "DCGM_FI_DEV_GPU_UTIL{\(choice)}",
            "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE{\(choice)}", "DCGM_FI_DEV_FB_USED{\(choice)}",
        ]
    }

    static let alerts = [
        "DCGM_FI_DEV_GPU_TEMP > 85", "avg by (Hostname, gpu) (DCGM_FI_DEV_GPU_TEMP) > 50.3",
        "max_over_time(DCGM_FI_DEV_GPU_TEMP[5m]) > 80", "increase(DCGM_FI_DEV_PCIE_REPLAY_COUNTER[10m]) > 1",
        "rate(DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION[5m]) / 1000",
        "sum by (Hostname) (rate(DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION[5m]))",
        "DCGM_FI_DEV_FB_USED / (DCGM_FI_DEV_FB_USED + DCGM_FI_DEV_FB_FREE) * 100 > 90",
        "100 * DCGM_FI_DEV_FB_USED / (DCGM_FI_DEV_FB_USED + DCGM_FI_DEV_FB_FREE)",
        "avg_over_time(DCGM_FI_DEV_GPU_UTIL[10m]) < 50 and on (UUID) DCGM_FI_DEV_FB_USED > 30",
        "DCGM_FI_DEV_GPU_UTIL == 0 unless on (UUID) DCGM_FI_DEV_POWER_USAGE > 20",
        "absent(DCGM_FI_DEV_GPU_TEMP{Hostname=\"dgx-099\"})",
        "absent(DCGM_FI_DEV_GPU_TEMP)", "count by (Hostname) (DCGM_FI_DEV_GPU_TEMP) < 2",
        "time() - timestamp(DCGM_FI_DEV_GPU_TEMP) > 30",
        "changes(DCGM_FI_DEV_PCIE_REPLAY_COUNTER[10m])", "topk(3, DCGM_FI_DEV_POWER_USAGE)",
        "sum by (namespace, pod) (DCGM_FI_DEV_GPU_UTIL{pod!=\"\"})",
        "count(DCGM_FI_DEV_GPU_UTIL > 50) / count(DCGM_FI_DEV_GPU_UTIL)",
        "deriv(DCGM_FI_DEV_GPU_TEMP[10m]) * 60", "predict_linear(DCGM_FI_DEV_FB_USED[10m], 3600)",
        "DCGM_FI_DEV_POWER_USAGE * on (UUID) group_left (pod) max by (UUID, pod) (DCGM_FI_DEV_GPU_UTIL)",
        "absent_over_time(DCGM_FI_DEV_XID_ERRORS{gpu=\"0\", job=\"x\", job=\"y\"}[5m])", "up",
        "quantile(0.95, DCGM_FI_DEV_GPU_TEMP)",
        "histogram_nothing", "DCGM_FI_DEV_GPU_TEMP offset 5m - DCGM_FI_DEV_GPU_TEMP",
        "sum(DCGM_FI_DEV_POWER_USAGE) by (modelName)",
    ]

    static let selectors = [
        "DCGM_FI_DEV_GPU_TEMP{}", "{__name__=\"DCGM_FI_DEV_GPU_TEMP\"}", "{__name__=~\"DCGM_FI_DEV_FB_.*\"}",
        "{__name__=~\"DCGM_FI_DEV_FB_USED|DCGM_FI_DEV_FB_FREE\", gpu=\"0\"}",
        "{__name__!=\"DCGM_FI_DEV_FB_USED\", Hostname=\"dgx-031\"}",
        "{UUID=\"GPU-dgx-031-0\"}", "{UUID=~\"GPU-dgx-031-0|GPU-dgx-032-1\", __name__!~\".*FB.*\"}",
        "{Hostname=~\"dgx.*\", gpu!~\"1\"}",
        "DCGM_FI_DEV_GPU_TEMP{gpu!=\"0\"}", "DCGM_FI_DEV_GPU_TEMP{pod=\"\"}", "DCGM_FI_DEV_GPU_TEMP{pod!=\"\"}",
        "DCGM_FI_DEV_GPU_TEMP{pod=~\".+\"}",
        "DCGM_FI_DEV_GPU_TEMP{pod=~\"train-[12]|\"}", "DCGM_FI_DEV_GPU_TEMP{nothing=\"\"}",
        "DCGM_FI_DEV_GPU_TEMP{nothing=\"x\"}",
        "DCGM_FI_DEV_GPU_TEMP{job='dcgm \"a\"'}", "DCGM_FI_DEV_GPU_TEMP{job=`dcgm\\b`}",
        "DCGM_FI_DEV_GPU_TEMP{job=\"dcgm\\\\b\",}",
        "DCGM_FI_DEV_GPU_TEMP{Hostname=~\"(?i)DGX-\\\\d{3}\"}", "DCGM_FI_DEV_GPU_TEMP{Hostname=~\"node.example\"}",
        "DCGM_FI_DEV_GPU_TEMP{Hostname=~\"dgx-03\"}", "DCGM_FI_DEV_GPU_TEMP{Hostname!~\"dgx-03[[:digit:]]\"}",
        "DCGM_FI_DEV_GPU_TEMP{Hostname=~\"[^n].{2,}-0(31|32)$\"}", "DCGM_FI_DEV_GPU_TEMP offset 1m30s",
        "DCGM_FI_DEV_GPU_TEMP offset -2m",
        "DCGM_FI_DEV_GPU_TEMP{gpu=\"0\"}[1m]", "DCGM_FI_DEV_GPU_TEMP{gpu=\"0\"}[45s] offset 1m",
        "DCGM_FI_DEV_GPU_TEMP # a comment",
        "{Hostname=\"\"}", "{}", "DCGM_FI_DEV_GPU_TEMP{", "DCGM_FI_DEV_GPU_TEMP{gpu=~\"(\"}", "DCGM_FI_DEV_GPU_TEMP[5m",
        "sum(", "sum()",
        "DCGM_FI_DEV_GPU_TEMP[0s]", "rate(DCGM_FI_DEV_GPU_TEMP)", "1 2", "\"text\" + 1", "foo(DCGM_FI_DEV_GPU_TEMP)",
        "1 == 1",
        "DCGM_FI_DEV_GPU_TEMP offset", "abs(1)", "topk(\"a\", DCGM_FI_DEV_GPU_TEMP)", "-\"a\"",
        "DCGM_FI_DEV_GPU_TEMP + bool 1",
    ]

    static let aggregations =
        ["sum", "avg", "min", "max", "count", "group", "stddev", "stdvar"].flatMap { operation in
            [
                "\(operation)(DCGM_FI_DEV_GPU_TEMP)", "\(operation) by (gpu) (DCGM_FI_DEV_GPU_TEMP)",
                "\(operation) without (UUID, pod, instance) (DCGM_FI_DEV_POWER_USAGE)",
                "\(operation)(DCGM_FI_DEV_GPU_UTIL) by (Hostname, nothing)",
            ]
        } + [
            "topk(2, DCGM_FI_DEV_GPU_TEMP)", "topk by (Hostname) (1, DCGM_FI_DEV_GPU_TEMP)",
            "bottomk(3, DCGM_FI_DEV_POWER_USAGE)", "topk(0, DCGM_FI_DEV_GPU_TEMP)",
            "bottomk without (gpu, UUID, device, job) (1, DCGM_FI_DEV_GPU_UTIL)", "topk(1e9, DCGM_FI_DEV_GPU_TEMP)",
            "quantile(0.5, DCGM_FI_DEV_GPU_TEMP)",
            "quantile by (gpu) (0.9, DCGM_FI_DEV_GPU_TEMP)", "quantile(-1, DCGM_FI_DEV_GPU_TEMP)",
            "quantile(1.5, DCGM_FI_DEV_GPU_TEMP)", "quantile(NaN, DCGM_FI_DEV_GPU_TEMP)",
            "count_values(\"v\", round(DCGM_FI_DEV_GPU_TEMP, 50))",
            "count_values by (gpu) (\"v\", DCGM_FI_DEV_GPU_TEMP > bool 50)",
            "count_values(\"gpu\", DCGM_FI_DEV_GPU_TEMP / 1e30)",
            "sum by (__name__) ({__name__=~\"DCGM_FI_DEV_FB.*\"})", "sum by () (DCGM_FI_DEV_GPU_TEMP)",
            "sum without () (DCGM_FI_DEV_GPU_TEMP)", "SUM BY (gpu,) (DCGM_FI_DEV_GPU_TEMP)",
            "sum(DCGM_FI_DEV_GPU_TEMP > 1000)", "count_values(\"0\", DCGM_FI_DEV_GPU_TEMP)",
            "topk(NaN, DCGM_FI_DEV_GPU_TEMP)",
        ]

    static let ranges =
        [
            "rate", "increase", "delta", "irate", "idelta", "deriv", "changes", "resets", "avg_over_time",
            "min_over_time", "max_over_time",
            "sum_over_time", "count_over_time", "last_over_time", "present_over_time", "stddev_over_time",
            "stdvar_over_time", "absent_over_time",
        ].flatMap { function in
            [
                "\(function)(DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION[5m])",
                "\(function)(DCGM_FI_DEV_PCIE_REPLAY_COUNTER[1m15s])",
                "\(function)(DCGM_FI_DEV_GPU_TEMP[2m] offset 3m)", "\(function)(DCGM_FI_DEV_POWER_USAGE[20s])",
            ]
        } + [
            "quantile_over_time(0.9, DCGM_FI_DEV_GPU_TEMP[5m])", "quantile_over_time(2, DCGM_FI_DEV_GPU_TEMP[5m])",
            "predict_linear(DCGM_FI_DEV_GPU_TEMP[5m], -60)", "rate(DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION[1h])",
            "sum(increase(DCGM_FI_DEV_PCIE_REPLAY_COUNTER[30m]))",
            "rate({__name__=~\"DCGM_FI_DEV_FB_.*\"}[5m])", "last_over_time({__name__=~\"DCGM_FI_DEV_FB_.*\"}[5m])",
        ]

    static let functions = [
        "abs(-DCGM_FI_DEV_GPU_TEMP)", "ceil(DCGM_FI_DEV_GPU_TEMP)", "floor(DCGM_FI_DEV_GPU_TEMP)",
        "round(DCGM_FI_DEV_GPU_TEMP)", "round(DCGM_FI_DEV_GPU_TEMP, 0.5)",
        "round(DCGM_FI_DEV_GPU_TEMP, 5)", "round(-DCGM_FI_DEV_GPU_TEMP)", "sgn(DCGM_FI_DEV_GPU_TEMP - 50)",
        "sqrt(DCGM_FI_DEV_GPU_TEMP)", "exp(DCGM_FI_DEV_GPU_TEMP)",
        "ln(DCGM_FI_DEV_GPU_TEMP)", "log2(DCGM_FI_DEV_GPU_TEMP)", "log10(DCGM_FI_DEV_GPU_TEMP)",
        "clamp(DCGM_FI_DEV_GPU_TEMP, 20, 60)",
        "clamp(DCGM_FI_DEV_GPU_TEMP, 60, 20)", "clamp(DCGM_FI_DEV_GPU_TEMP, NaN, 60)",
        "clamp_min(DCGM_FI_DEV_GPU_TEMP, 50)", "clamp_max(DCGM_FI_DEV_GPU_TEMP, 50)",
        "sort(DCGM_FI_DEV_GPU_TEMP)", "sort_desc(DCGM_FI_DEV_GPU_TEMP)",
        "scalar(DCGM_FI_DEV_GPU_TEMP{UUID=\"GPU-dgx-031-0\"})", "scalar(DCGM_FI_DEV_GPU_TEMP)",
        "vector(1.5)", "time()", "timestamp(DCGM_FI_DEV_GPU_TEMP)", "timestamp(DCGM_FI_DEV_GPU_TEMP offset 1m)",
        "timestamp(-DCGM_FI_DEV_GPU_TEMP)",
        "absent(DCGM_FI_DEV_GPU_TEMP > 1000)", "absent(sum(nothing))",
        "absent(nothing{gpu=\"0\", pod=~\"x\", device!=\"y\"})", "vector(time())",
        "abs({__name__=~\"DCGM_FI_DEV_FB_.*\"})",
    ]

    static let operators =
        ["+", "-", "*", "/", "%", "^", "atan2", "==", "!=", "<", "<=", ">", ">="].flatMap { operation in
            [
                "DCGM_FI_DEV_GPU_TEMP \(operation) 42.5", "42.5 \(operation) DCGM_FI_DEV_GPU_TEMP",
                "DCGM_FI_DEV_FB_USED \(operation) DCGM_FI_DEV_FB_FREE",
                "sum by (gpu) (DCGM_FI_DEV_FB_USED) \(operation) on (gpu) group_right () DCGM_FI_DEV_FB_FREE",
            ]
        }
        + ["==", "!=", "<", "<=", ">", ">="].flatMap { operation in
            [
                "DCGM_FI_DEV_GPU_TEMP \(operation) bool 42.5", "1 \(operation) bool 2",
                "DCGM_FI_DEV_FB_USED \(operation) bool ignoring (pod) DCGM_FI_DEV_FB_FREE",
            ]
        } + [
            "DCGM_FI_DEV_FB_USED and DCGM_FI_DEV_FB_FREE", "DCGM_FI_DEV_FB_USED{gpu=\"0\"} or DCGM_FI_DEV_FB_FREE",
            "DCGM_FI_DEV_FB_USED unless DCGM_FI_DEV_FB_FREE{gpu=\"0\"}",
            "DCGM_FI_DEV_FB_USED or on (gpu) DCGM_FI_DEV_FB_FREE", "DCGM_FI_DEV_FB_USED and on () vector(1)",
            "DCGM_FI_DEV_FB_USED + on (gpu) DCGM_FI_DEV_FB_FREE",
            "DCGM_FI_DEV_FB_USED + on (gpu) sum by (gpu) (DCGM_FI_DEV_FB_FREE)",
            "DCGM_FI_DEV_FB_USED / ignoring (UUID) group_left sum without (UUID) (DCGM_FI_DEV_FB_FREE)",
            "-DCGM_FI_DEV_GPU_TEMP", "+DCGM_FI_DEV_GPU_TEMP", "-DCGM_FI_DEV_GPU_TEMP ^ 2", "2 ^ 3 ^ 2", "-2 ^ 2",
            "1 - 2 - 3", "2 * 3 + 4 * 5 % 3", "(1 + 2) * 3", "1 / 0", "-1 / 0", "0 / 0",
            "DCGM_FI_DEV_GPU_TEMP / 0", "DCGM_FI_DEV_GPU_TEMP > 20 < 60",
            "DCGM_FI_DEV_GPU_TEMP > 20 and DCGM_FI_DEV_GPU_TEMP < 60 or DCGM_FI_DEV_GPU_TEMP > 90",
            "DCGM_FI_DEV_FB_USED == on (UUID) group_left (nothing) DCGM_FI_DEV_FB_USED", "1 + 2 > bool 3 - 1",
            "7 atan2 2", "5 % -3", "-5 % 3",
            "{__name__=~\"DCGM_FI_DEV_FB_.*\"} * 2", "{__name__=~\"DCGM_FI_DEV_FB_.*\"} > 2",
            "sum(DCGM_FI_DEV_FB_USED) + DCGM_FI_DEV_FB_FREE",
        ]

    static let literals = [
        "1", "0x1F", "010", "08", "1e3", "1.5E-7", ".5", "5.", "Inf", "-inf", "NaN", "1e21", "1e-6",
        "123456789012345678", "0.1 + 0.2", "1e300 * 1e10", "\"a \\\"text\\\" \\u00e9\\n\"",
        "'it''s'", "`raw\\n`", "1h", "5y", "1_000", "1e", "0x", "\"open", "\"\\q\"", "#", "", "1 # one",
    ]
}
