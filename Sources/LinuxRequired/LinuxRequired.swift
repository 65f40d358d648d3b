#if !os(Linux)
    #error(
        """
        gpu-telemetry needs Linux (epoll, eventfd, sendfile, memfd). In a package for several platforms, \
        make the dependency conditional: \
        .product(name: …, package: "gpu-telemetry", condition: .when(platforms: [.linux]))
        """)
#endif
