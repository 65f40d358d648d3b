import TelemetryNet

/// The dashboard at `/`: the files in Gateway/Dashboard as they are, which the build puts into the library as bytes, so that a
/// program needs nothing beside itself. There is no build step and no script from elsewhere; the policy forbids the browser both.
enum DashboardRoutes {
    static let all: [Route] = [
        Route(
            path: "/", operationID: "getDashboard", summary: "The dashboard: the fleet, its alerts and the pipeline, live.", tag: "pages",
            answers: [Route.AnswerContent(contentType: "text/html; charset=utf-8", schema: nil)]
        ) { _ in page.response },
        Route(
            path: "/dashboard/{file}", operationID: "getDashboardFile", summary: "A file of the dashboard.", tag: "pages",
            parameters: [Route.Parameter(name: "file", kind: .pathText, description: "The file's name.", example: "dashboard.css")],
            answers: [
                Route.AnswerContent(contentType: script, schema: nil), Route.AnswerContent(contentType: style, schema: nil),
                Route.AnswerContent(contentType: image, schema: nil),
            ], errors: [404]
        ) { context in
            let name = context.segment("file")
            guard let file = files[name] else { throw APIError.notFound("/dashboard/\(name) is not served") }
            return file.response
        },
    ]

    private static let script = "text/javascript; charset=utf-8"
    private static let style = "text/css; charset=utf-8"
    private static let image = "image/svg+xml"

    private struct File: Sendable {
        let headers: [(name: String, value: String)]
        let bytes: [UInt8]

        init(_ contentType: String, _ bytes: [UInt8]) {
            self.bytes = bytes
            let hash = bytes.withUnsafeBytes { StableHash.hash($0, seed: 0) }
            headers = [
                ("Content-Type", contentType),
                // Asked for again at every load, and answered by 304: a newer program's page is never mixed with an older one's.
                ("Cache-Control", "no-cache"), ("ETag", "\"\(String(hash, radix: 16))\""),
                ("Content-Security-Policy", policy), ("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer"),
            ]
        }

        var response: HTTPResponse { HTTPResponse(headers: headers, body: .bytes(bytes)) }
    }

    private static let policy =
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

    private static let page = File("text/html; charset=utf-8", PackageResources.dashboard_html)

    private static let files: [String: File] = [
        "alerts.js": File(script, PackageResources.alerts_js),
        "api.js": File(script, PackageResources.api_js),
        "axis.js": File(script, PackageResources.axis_js),
        "chart.js": File(script, PackageResources.chart_js),
        "dashboard.css": File(style, PackageResources.dashboard_css),
        "dom.js": File(script, PackageResources.dom_js),
        "fleet.js": File(script, PackageResources.fleet_js),
        "format.js": File(script, PackageResources.format_js),
        "gpu.js": File(script, PackageResources.gpu_js),
        "health.js": File(script, PackageResources.health_js),
        "heatmap.js": File(script, PackageResources.heatmap_js),
        "icon.svg": File(image, PackageResources.icon_svg),
        "keys.js": File(script, PackageResources.keys_js),
        "live.js": File(script, PackageResources.live_js),
        "main.js": File(script, PackageResources.main_js),
        "overview.js": File(script, PackageResources.overview_js),
        "router.js": File(script, PackageResources.router_js),
        "search.js": File(script, PackageResources.search_js),
        "stream.js": File(script, PackageResources.stream_js),
        "tables.js": File(script, PackageResources.tables_js),
        "theme.js": File(script, PackageResources.theme_js),
    ]
}
