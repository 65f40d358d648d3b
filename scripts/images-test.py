#!/usr/bin/env python3
"""Runs the four images with podman, read-only and without rights, and follows the sample through them to the REST API.

Afterwards every program is asked to end and must drain with exit code 0. scripts/images-test.sh builds the images.
"""
import json, os, re, shutil, socket, subprocess, sys, tempfile, time, urllib.error, urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PODMAN = ["podman", "--runtime", shutil.which("runc") or "/usr/sbin/runc"]
# podman's own limits may be more than this machine allows. Health checks by timer need systemd; `healthy` runs the
# image's command instead.
RUN = ("run", "--read-only", "--read-only-tmpfs=false", "--cap-drop", "ALL", "--security-opt", "no-new-privileges",
       "--no-healthcheck", "--ulimit", "nofile=20000:20000", "--ulimit", "nproc=20000:20000", "--network", "host")
TOKEN = os.urandom(16).hex()
started = []


def run(*command, check=True, **options):
    result = subprocess.run(command, capture_output=True, text=True, **options)
    if check and result.returncode:
        sys.exit(f"images-test: {' '.join(command)}: exit code {result.returncode}\n{result.stdout}{result.stderr}")
    return result


def podman(*arguments, **options):
    return run(*PODMAN, *arguments, **options)


def image(program):
    return f"localhost/gpu-telemetry/{program}:test"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def check(truth, what):
    if not truth:
        raise AssertionError(what)
    print("images-test:", what)


def eventually(what, seconds, condition):
    """Until the condition is true; it may fail before."""
    end, last = time.monotonic() + seconds, None
    while time.monotonic() < end:
        try:
            if last := condition():
                return
        except (OSError, ValueError, KeyError) as error:
            last = error
        time.sleep(0.2)
    raise AssertionError(f"not in {seconds} s: {what}; last: {last}")


def get(port, path, token=TOKEN):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=10) as response:
        body = response.read().decode()
        return json.loads(body) if "json" in response.headers["Content-Type"] else body


def start(program, *options, **environment):
    """The image as it is, read-only, without capabilities, on the machine's network."""
    name = f"gpu-telemetry-test-{os.getpid()}-{program}"
    started.append(name)
    variables = [part for key, value in environment.items() for part in ("--env", f"{key}={value}")]
    podman(*RUN, "--detach", "--name", name, *options, *variables, image(program))
    return name


def healthy(name, program):
    """Runs the HEALTHCHECK of the image in its container."""
    one = json.loads(podman("image", "inspect", image(program)).stdout)[0]
    kind, *command = (one.get("Healthcheck") or one["Config"]["Healthcheck"])["Test"]
    return kind == "CMD" and podman("exec", name, *command, check=False).returncode == 0


def pipeline(directory):
    mq, mq_http, api, streamer_http, collector_http, influx = (free_port() for _ in range(6))
    log = os.path.join(directory, "log")
    os.mkdir(log)
    os.chown(log, 65532, 65532)
    queue, names = dict(MQ_HOST="127.0.0.1", MQ_PORT=mq, MQ_TOKEN=TOKEN), {}
    names["mq-server"] = start("mq-server", "--volume", f"{log}:/var/lib/gpu-telemetry", TCP_PORT=mq, HTTP_PORT=mq_http,
                               MQ_TOKEN=TOKEN)
    eventually("mq-server answers", 60, lambda: get(mq_http, "/health"))
    names["api"] = start("api", API_PORT=api, API_TOKEN=TOKEN, **queue)
    # There is no database on this port: the collector must be healthy and not ready.
    database = f"http://127.0.0.1:{influx}"
    names["collector"] = start("collector", HTTP_PORT=collector_http, INFLUXDB_URL=database, **queue)
    names["streamer"] = start(
        "streamer", "--volume", f"{ROOT}/deploy/sample:/data:ro", SOURCE="/data", TIMESTAMPS="source", RATE="2000",
        STREAM_INTERVAL="200ms", HTTP_PORT=streamer_http, **queue)

    with open(f"{ROOT}/deploy/sample/dcgm_sample.csv") as sample:
        rows = sum(1 for _ in sample) - 1
    eventually("every row is in the API", 120, lambda: get(api, "/api/v1/stats")["store"]["sample_count"] >= rows)
    stats = get(api, "/api/v1/stats")["store"]
    check(stats["sample_count"] == rows and stats["gpu_count"] == 64, f"the API has {rows} samples of 64 GPUs")
    gpu = get(api, "/api/v1/gpus?limit=1")["data"][0]["uuid"]
    check(get(api, f"/api/v1/gpus/{gpu}/telemetry?limit=5")["data"], f"the API has telemetry of {gpu}")
    try:
        get(api, "/api/v1/gpus", "wrong")
        check(False, "the API asks for its token")
    except urllib.error.HTTPError as error:
        check(error.code == 401, "the API asks for its token")
    check("swagger-ui-bundle.js" in get(api, "/swagger/index.html"), "the api image has the files of Swagger UI")

    for program, name in names.items():
        needs = podman("exec", name, "ldd", f"/usr/local/bin/{program}").stdout
        check("not found" not in needs and "libswift" not in needs, f"{program}: has its libraries, not Swift's")
        check(("libcurl" in needs) == (program != "mq-server"), f"{program}: needs libcurl unless it is mq-server")
        eventually(f"{program}: its HEALTHCHECK passes", 30, lambda: healthy(name, program))
    result = podman("exec", "--env", f"API_PORT={free_port()}", names["api"], "api", "health", check=False)
    check(result.returncode == 1, "the HEALTHCHECK fails if nothing responds")
    for program, name in names.items():
        pid = podman("inspect", "--format", "{{.State.Pid}}", name).stdout.strip()
        with open(f"/proc/{pid}/status") as status:
            status = status.read()
        check(re.search(r"^Uid:\s+65532\s+65532", status, re.M) and re.search(r"^CapEff:\s+0+$", status, re.M),
              f"{program}: runs as 65532 without capabilities")

    # The order in which a shutdown loses nothing.
    for program in ("streamer", "collector", "api", "mq-server"):
        podman("kill", "--signal", "TERM", names[program])
        code, lines = podman("wait", names[program], timeout=60).stdout.strip(), podman("logs", names[program])
        check(code == "0" and '"draining"' in lines.stdout + lines.stderr, f"{program}: drains, exit code {code}")
    # What the container wrote is sound, by another container of the same image.
    result = podman(*RUN, "--rm", "--volume", f"{log}:/log", image("mq-server"), "verify", "/log")
    check(result.stdout.strip().endswith("sound"), result.stdout.strip())


def main():
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        try:
            pipeline(directory)
        except AssertionError as error:
            for name in started:
                logs = podman("logs", "--tail", "8", name, check=False)
                print(f"-- {name}\n{logs.stdout}{logs.stderr}", file=sys.stderr)
            sys.exit(f"images-test: FAILED: {error}")
        finally:
            for name in started:
                podman("rm", "--force", "--time", "5", name, check=False)
    print("images-test: passed")


main()
