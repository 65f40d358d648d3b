import Glibc
import TelemetryBase
import TelemetryHTTP
import TelemetryIO

/// Swagger UI if its files are installed, otherwise a page that lists the operations and describes the installation.
enum SwaggerPage {
    /// The files that the page needs, and their types; nothing else of the directory is served.
    private static let files: [(name: String, contentType: String)] = [
        ("swagger-ui.css", "text/css; charset=utf-8"),
        ("swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
        ("swagger-ui-standalone-preset.js", "text/javascript; charset=utf-8"),
        ("favicon-32x32.png", "image/png"),
    ]

    static let contentTypes = files.map(\.contentType).reduce(into: [String]()) {
        if !$0.contains($1) { $0.append($1) }
    }

    static func index(_ gateway: GatewayCore) -> HTTPResponse {
        let directory = gateway.configuration.swaggerUIDirectory
        let isComplete =
            directory.map {
                access($0 + "/swagger-ui-bundle.js", R_OK) == 0 && access($0 + "/swagger-ui.css", R_OK) == 0
            } ?? false
        return HTTPResponse(
            headers: [("Content-Type", "text/html; charset=utf-8")] + policy,
            body: .bytes(Array((isComplete ? bundlePage : listPage(gateway.routes)).utf8)))
    }

    /// Only scripts of the gateway are allowed, and no page of another origin may frame this one. Swagger UI sets
    /// styles in its elements and has images in `data:` URLs; it may send requests to this gateway only, whatever
    /// servers a document names.
    private static let policy = [
        (
            name: "Content-Security-Policy",
            value:
                "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
                + "font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
                + "frame-ancestors 'none'"
        ),
        (name: "X-Frame-Options", value: "DENY"), (name: "Referrer-Policy", value: "no-referrer"),
    ]

    static func file(_ name: String, _ gateway: GatewayCore) throws -> HTTPResponse {
        if name == initializerName { return initializer.response }
        guard let directory = gateway.configuration.swaggerUIDirectory,
            let file = files.first(where: { $0.name == name }),
            let bytes = contents(directory + "/" + name)
        else { throw APIError.notFound("/swagger/\(abbreviated(name)) is not served") }
        return FixedResponse(file.contentType, bytes).response
    }

    private static func contents(_ path: String) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        return try? readAll(from: descriptor, on: path)
    }

    private static let bundlePage = """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>GPU telemetry: API</title>
        <link rel="stylesheet" href="swagger-ui.css">
        <link rel="icon" href="favicon-32x32.png">
        </head>
        <body>
        <div id="swagger-ui"></div>
        <script src="swagger-ui-bundle.js"></script>
        <script src="\(initializerName)"></script>
        </body>
        </html>
        """

    /// A separate file, because the page's policy allows no script in the page.
    private static let initializerName = "swagger-initializer.js"

    private static let initializer = FixedResponse(
        "text/javascript; charset=utf-8",
        Array(
            """
            SwaggerUIBundle({ url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true, tryItOutEnabled: true });

            """.utf8))

    private static func listPage(_ routes: [Route]) -> String {
        var rows = ""
        for route in routes {
            let parameters = route.parameters.map {
                "<li><code>\(escaped($0.name))</code> \(escaped($0.description))</li>"
            }.joined()
            let address = route.path.contains("{") ? "/openapi.json" : route.path
            rows += """
                <section><h2><span>GET</span> <a href="\(address)">\(escaped(route.path))</a></h2>
                <p>\(escaped(route.summary))</p>\(parameters.isEmpty ? "" : "<ul>\(parameters)</ul>")</section>

                """
        }
        return """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>GPU telemetry: API</title>
            <style>
            :root { color-scheme: light dark; --line: #8884; --accent: #3b7; }
            body { font: 16px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 0 auto; padding: 1.5rem 1rem; }
            section { border-top: 1px solid var(--line); padding: .75rem 0; }
            h2 { font: 600 1rem ui-monospace, monospace; margin: 0; overflow-wrap: anywhere; }
            h2 span { background: var(--accent); color: #fff; border-radius: 4px; }
            h2 span { padding: .1rem .5rem; margin-right: .25rem; }
            p { margin: .25rem 0; } ul { margin: .25rem 0; }
            aside { border: 1px solid var(--line); border-radius: 6px; padding: .75rem 1rem; margin: 1rem 0; }
            </style>
            </head>
            <body>
            <h1>GPU telemetry: API</h1>
            <aside>Swagger UI is not installed here, so these operations can be read but not tried. Get its files with
            <code>scripts/fetch-swagger-ui.sh DIR</code>, and start the gateway with <code>SWAGGER_UI_DIR=DIR</code>.
            The document itself is at <a href="/openapi.json">/openapi.json</a>.</aside>
            \(rows)</body>
            </html>
            """
    }

    private static func escaped(_ text: String) -> String {
        text.reduce(into: "") { out, character in
            switch character {
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "&": out += "&amp;"
            default: out.append(character)
            }
        }
    }
}
