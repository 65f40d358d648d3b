/// The gateway's operations, a file for each subject.
enum Routes {
    static func all(_ configuration: Gateway.Configuration) -> [Route] {
        ServiceRoutes.all + DashboardRoutes.all + PageRoutes.all + GPURoutes.all(configuration)
            + TelemetryRoutes.all(configuration)
            + FleetRoutes.all(configuration) + QueryRoutes.all + StreamRoutes.all + CatalogueRoutes.all
            + StoreRoutes.all + PrometheusRoutes.all
    }

    /// What any route that asks the store can answer with.
    static let storeErrors = [400, 422, 502, 503, 504]
}
