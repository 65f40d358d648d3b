/// The version of this package: of its libraries, programs, OpenAPI document, images and chart.
///
/// A test compares the files that repeat it.
package let packageVersion = "0.1.0"
