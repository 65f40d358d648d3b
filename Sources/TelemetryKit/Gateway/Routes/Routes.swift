/// The gateway's operations, one file per subject.
enum Routes {
    static func all(_ configuration: Gateway.Configuration) -> [Route] {
        ServiceRoutes.all + DashboardRoutes.all + PageRoutes.all + GPURoutes.all(configuration)
            + TelemetryRoutes.all(configuration)
            + FleetRoutes.all(configuration) + QueryRoutes.all + StreamRoutes.all + CatalogueRoutes.all
            + StoreRoutes.all + PrometheusRoutes.all
    }

    /// The error statuses of every route that queries the store.
    static let storeErrors = [400, 422, 502, 503, 504]
}
