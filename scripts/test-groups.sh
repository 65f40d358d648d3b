# Sourced by the scripts that run all tests.

# At one time, of those that could run: beside hundreds of others a test waits for a thread until its peers, or its own limits, give it up.
export SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=8

# What `swift test` gets, a line a group. Apart, since tests of servers would else wait for what computes for long.
test_groups=(
    '--filter ^FuzzTests'
    '--filter ^TelemetryKitTests'
    '--filter ^EndToEndTests'
    '--skip ^FuzzTests|^TelemetryKitTests|^EndToEndTests'
)
