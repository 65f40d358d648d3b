import Foundation

/// Debian's package `nginx` as an exporter: what it needs to be started with, and the page that it serves. The test starts the program.
package struct Nginx: Sendable {
    package static let executable = "/usr/sbin/nginx"

    package let port: Int
    /// Its configuration, its logs and its pages are in there.
    package let directory: URL

    /// - Parameters:
    ///   - token: what requests must present as bearer token.
    ///   - authorization: what the header `Authorization` must be.
    ///   - isEcho: whether each answer is an error that repeats the request with its credentials.
    ///   - isProxy: whether it forwards requests to the hosts that they name, by address.
    package init(
        in directory: URL, port: Int, token: String? = nil, authorization: String? = nil, isProxy: Bool = false,
        isEcho: Bool = false
    ) throws {
        self.directory = directory
        self.port = port
        let wanted = authorization ?? token.map { "Bearer \($0)" }
        let check = wanted.map { "if ($http_authorization != \"\($0)\") { return 401; }" } ?? ""
        // `/self` is the proxy's own, for a test that waits for it.
        let said = "$request_method $scheme://$http_host$request_uri $http_authorization $http_proxy_authorization"
        let echo = #"location / { default_type application/json; return 401 '{"message":"not allowed: \#(said)"}'; }"#
        let all =
            isEcho
            ? "location = /self { return 204; }\n \(echo)"
            : isProxy
                ? "location = /self { return 204; }\n location / { proxy_pass http://$http_host$request_uri; }" : ""
        let configuration = """
            daemon off;
            master_process off;
            pid "\(directory.path)/pid";
            error_log "\(directory.path)/log";
            events {}
            http {
              log_format connections "$connection $uri";
              log_format headers "$request_method $http_host$request_uri authorization=$http_authorization proxy=$http_proxy_authorization";
              access_log "\(directory.path)/headers" headers;
              access_log "\(directory.path)/access" connections;
              client_body_temp_path "\(directory.path)/body";
              proxy_temp_path "\(directory.path)/proxy";
              fastcgi_temp_path "\(directory.path)/fastcgi";
              uwsgi_temp_path "\(directory.path)/uwsgi";
              scgi_temp_path "\(directory.path)/scgi";
              default_type "text/plain; version=0.0.4; charset=utf-8";
              server {
                listen 127.0.0.1:\(port);
                root "\(directory.path)/www";
                autoindex on;
                location \(isProxy || isEcho ? "= /none" : "= /metrics") { \(check) }
                \(all)
              }
            }

            """
        try FileManager.default.createDirectory(at: directory.appending(path: "www"), withIntermediateDirectories: true)
        try configuration.write(to: directory.appending(path: "nginx.conf"), atomically: true, encoding: .utf8)
    }

    package var arguments: [String] {
        ["-p", directory.path, "-e", directory.path + "/log", "-c", directory.path + "/nginx.conf"]
    }

    private var page: URL { directory.appending(path: "www/metrics") }

    /// From the next request of `/metrics` on, at once and whole.
    package func serve(_ text: String) throws { try text.write(to: page, atomically: true, encoding: .utf8) }

    package func serve(_ exporter: ScrapeExporter) throws { try serve(exporter.text) }

    /// `/metrics` is 404 from now on.
    package func serveNothing() throws { try FileManager.default.removeItem(at: page) }

    /// Of each request, method, host, path and credentials; the last request may not be among them yet.
    package var requests: [String] {
        let log = (try? String(contentsOf: directory.appending(path: "headers"), encoding: .utf8)) ?? ""
        return log.split(separator: "\n").map(String.init)
    }

    /// The connection of each request of `/metrics`; the last request may not be among them yet.
    package var connections: [String] {
        let log = (try? String(contentsOf: directory.appending(path: "access"), encoding: .utf8)) ?? ""
        return log.split(separator: "\n").filter { $0.hasSuffix(" /metrics") }.map { String($0.prefix { $0 != " " }) }
    }
}
