/// The text of `--help`. Its lines fit a terminal of 80 columns.
package func helpText(program: String, summary: String, options: [any AnyOption], furtherHelp: String = "") -> String {
    var text = """
        \(wrapped(summary))

        Usage: \(program) [--name value | --name=value]...

        Every option is also an environment variable; a flag overrides it.

        """
    for option in options {
        let shown = option.defaultText.map { $0.isEmpty ? "empty" : $0 } ?? "none"
        text += "\n  \(option.flag) \(option.placeholder)\n"
        text += "        \(option.name), default \(shown)\n\(wrapped(option.help, indent: 8))"
    }
    text += "\n\n  --help, --version\n\n"
    text += wrapped("\(program) health, with the same options, asks a running instance for its /health.") + "\n\n"
    text += wrapped("Durations: 100ms, 5s, 30m, 24h, 7d. Sizes: 512KiB, 16MiB, 1GiB.") + "\n"
    return furtherHelp.isEmpty ? text : text + "\n" + furtherHelp
}

/// The words in lines of at most `width` columns, each behind `indent` spaces. A longer word has a line of its own.
func wrapped(_ text: String, indent: Int = 0, width: Int = 80) -> String {
    let margin = String(repeating: " ", count: indent)
    var lines: [String] = []
    var line = ""
    for word in text.split(separator: " ") {
        if !line.isEmpty, indent + line.count + 1 + word.count > width {
            lines.append(margin + line)
            line = ""
        }
        line += (line.isEmpty ? "" : " ") + word
    }
    return (lines + [margin + line]).joined(separator: "\n")
}
