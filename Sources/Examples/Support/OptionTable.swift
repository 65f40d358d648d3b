/// The options of a program as a Markdown table, for Docs/Configuration.md.
package func optionTable(_ options: [any AnyOption]) -> String {
    // A bar separates cells, also in code.
    func cell(_ text: String) -> String {
        text.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|")
    }
    var table = "| variable | value | default | meaning |\n|---|---|---|---|\n"
    for option in options {
        let cells = ["`\(option.name)`", "`\(option.placeholder)`", option.shownDefault, option.help].map(cell)
        table += "| \(cells.joined(separator: " | ")) |\n"
    }
    return table
}
