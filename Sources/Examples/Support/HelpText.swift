/// The text of `--help`, in lines of at most 80 columns.
///
/// Backquotes, which mark code in ``optionTable(_:)``, are removed.
package func helpText(program: String, summary: String, options: [any AnyOption], furtherHelp: String = "") -> String {
    var text = """
        \(wrapped(summary))

        Usage: \(program) [--name value | --name=value]...

        Every option is also an environment variable; a flag overrides it.

        """
    for option in options {
        text += "\n  \(option.flag) \(option.placeholder)\n"
        let help = option.help.filter { $0 != "`" }
        text += "        \(option.name), default \(option.shownDefault)\n\(wrapped(help, indent: 8))"
    }
    text += "\n\n  --help, --version\n\n"
    text += wrapped("\(program) health, with the same options, requests /health from a running instance.") + "\n\n"
    text += wrapped("Durations: 100ms, 5s, 30m, 24h, 7d. Sizes: 512KiB, 16MiB, 1GiB.") + "\n"
    return furtherHelp.isEmpty ? text : text + "\n" + furtherHelp
}

/// Breaks a text into lines of at most `width` columns, each indented by `indent` spaces.
///
/// A longer word gets a line of its own.
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
