import TelemetryBase

/// Pages for the browser.
enum PageRoutes {
    private static let file = Parameter.segment("file", "The file's name.", example: "swagger-ui.css")

    private static let html: [ResponseContent] = [.text("text/html; charset=utf-8")]

    static let all: [Route] = [
        Route(
            path: "/swagger/index.html", operationID: "getSwaggerPage",
            summary: "Interactive documentation of this API.", tag: "pages",
            responses: html, isFixed: true
        ) { SwaggerPage.index($0.gateway) },
        Route(
            path: "/swagger/{file}", operationID: "getSwaggerFile", summary: "A file of the Swagger page.",
            tag: "pages",
            parameters: [file],
            responses: SwaggerPage.contentTypes.map(ResponseContent.text), errors: [404],
            isFixed: true
        ) { try SwaggerPage.file($0[file], $0.gateway) },
    ]
}
