import TelemetryBase

/// The dashboard at `/`: the unchanged files of Gateway/Dashboard, which the build embeds in the library, so that a
/// program consists of one file. There is no build step and no script of another origin; the policy forbids both.
enum DashboardRoutes {
    static let all: [Route] = [
        Route(
            path: "/", operationID: "getDashboard",
            summary: "The dashboard: the fleet, its alerts and the pipeline, live.", tag: "pages",
            responses: [.text("text/html; charset=utf-8")], isFixed: true
        ) { _ in page.response },
        Route(
            path: "/dashboard/{file}", operationID: "getDashboardFile", summary: "A file of the dashboard.",
            tag: "pages",
            parameters: [file],
            responses: [
                .text(script),
                .text(style),
                .text(image),
            ], errors: [404], isFixed: true
        ) { context in
            let name = try context[file]
            guard let file = files[name] else {
                throw APIError.notFound("/dashboard/\(abbreviated(name)) is not served")
            }
            return file.response
        },
    ]

    private static let file = Parameter.segment("file", "The file's name.", example: "dashboard.css")

    private static let script = "text/javascript; charset=utf-8"
    private static let style = "text/css; charset=utf-8"
    private static let image = "image/svg+xml"

    private static let headers = [
        (
            "Content-Security-Policy",
            "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        ),
        ("X-Frame-Options", "DENY"), ("Referrer-Policy", "no-referrer"),
    ]

    private static func file(_ contentType: String, _ bytes: [UInt8]) -> FixedResponse {
        FixedResponse(contentType, bytes, headers: headers)
    }

    private static let page = file("text/html; charset=utf-8", PackageResources.dashboard_html)

    private static let files: [String: FixedResponse] = [
        "alerts.js": file(script, PackageResources.alerts_js),
        "api.js": file(script, PackageResources.api_js),
        "axis.js": file(script, PackageResources.axis_js),
        "chart.js": file(script, PackageResources.chart_js),
        "dashboard.css": file(style, PackageResources.dashboard_css),
        "dom.js": file(script, PackageResources.dom_js),
        "fleet.js": file(script, PackageResources.fleet_js),
        "format.js": file(script, PackageResources.format_js),
        "gpu.js": file(script, PackageResources.gpu_js),
        "health.js": file(script, PackageResources.health_js),
        "heatmap.js": file(script, PackageResources.heatmap_js),
        "icon.svg": file(image, PackageResources.icon_svg),
        "keys.js": file(script, PackageResources.keys_js),
        "live.js": file(script, PackageResources.live_js),
        "main.js": file(script, PackageResources.main_js),
        "overview.js": file(script, PackageResources.overview_js),
        "rankings.js": file(script, PackageResources.rankings_js),
        "router.js": file(script, PackageResources.router_js),
        "search.js": file(script, PackageResources.search_js),
        "stream.js": file(script, PackageResources.stream_js),
        "tables.js": file(script, PackageResources.tables_js),
        "theme.js": file(script, PackageResources.theme_js),
        "tiles.js": file(script, PackageResources.tiles_js),
    ]
}
