/// The options of a program as a Markdown table, for Docs/Configuration.md.
package func optionTable(_ options: [any AnyOption]) -> String {
    // A bar separates cells, also in code.
    func cell(_ text: String) -> String { text.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|") }
    return options.reduce(into: "| variable | value | default | meaning |\n|---|---|---|---|\n") { table, option in
        table += "| `\(option.name)` | `\(cell(option.placeholder))` | \(cell(option.shownDefault)) | \(cell(option.help)) |\n"
    }
}
