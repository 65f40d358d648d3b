import TelemetryBase

/// What people open in a browser.
enum PageRoutes {
    private static let file = Parameter.segment("file", "The file's name.", example: "swagger-ui.css")

    private static let html = [Route.AnswerContent(contentType: "text/html; charset=utf-8", schema: nil)]

    static let all: [Route] = [
        Route(
            path: "/swagger/index.html", operationID: "getSwaggerPage",
            summary: "Interactive documentation of this API.", tag: "pages",
            answers: html, isFixed: true
        ) { SwaggerPage.index($0.gateway) },
        Route(
            path: "/swagger/{file}", operationID: "getSwaggerFile", summary: "A file of the Swagger page.",
            tag: "pages",
            parameters: [file],
            answers: SwaggerPage.contentTypes.map { Route.AnswerContent(contentType: $0, schema: nil) }, errors: [404],
            isFixed: true
        ) { try SwaggerPage.file($0[file], $0.gateway) },
    ]
}
