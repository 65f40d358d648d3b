import TelemetryBase

/// What people open in a browser.
enum PageRoutes {
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
            parameters: [
                Route.Parameter(
                    name: "file", kind: .pathText, description: "The file's name.", example: "swagger-ui.css")
            ],
            answers: SwaggerPage.contentTypes.map { Route.AnswerContent(contentType: $0, schema: nil) }, errors: [404],
            isFixed: true
        ) { try SwaggerPage.file($0.segment("file"), $0.gateway) },
    ]
}
