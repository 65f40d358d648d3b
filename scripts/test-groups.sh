# Sourced by the scripts that run all tests.

# Tests at one time: among hundreds a test waits for a thread until its peers, or its own limits, give up.
export SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=8

# Arguments of `swift test`, one line per group: else tests of servers would wait for tests that compute for long.
test_groups=(
    '--filter ^FuzzTests'
    '--filter ^TelemetryKitTests'
    '--filter ^EndToEndTests'
    '--skip ^FuzzTests|^TelemetryKitTests|^EndToEndTests'
)
