#!/usr/bin/env python3
"""Runs the four images with podman, read-only and without rights, and follows the sample through them to the REST API.

Afterwards every program is asked to end and must drain with exit code 0. scripts/images-test.sh builds the images.
"""
import json, os, re, shutil, subprocess, sys, tempfile, urllib.error, urllib.request

from scenarios.common import ROOT, Failure, free_port, wait_until

PODMAN = ["podman", "--runtime", shutil.which("runc") or "/usr/sbin/runc"]
# podman's own limits may be more than this machine allows. Health checks by timer need systemd; `is_healthy` runs the
# image's command instead.
RUN = ("run", "--read-only", "--read-only-tmpfs=false", "--cap-drop", "ALL", "--security-opt", "no-new-privileges",
       "--no-healthcheck", "--ulimit", "nofile=20000:20000", "--ulimit", "nproc=20000:20000", "--network", "host")
TOKEN = os.urandom(16).hex()
IMAGE = "localhost/gpu-telemetry/{}:test".format
names = {}


def podman(*arguments, check=True):
    result = subprocess.run([*PODMAN, *arguments], capture_output=True, text=True, timeout=120)
    if check and result.returncode:
        raise Failure(f"podman {' '.join(arguments)}: exit code {result.returncode}\n{result.stdout}{result.stderr}")
    return result


def check(truth, what):
    if not truth:
        raise Failure(what)
    print("images-test:", what)


def get(port, path, token=TOKEN):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=10) as response:
        body = response.read().decode()
        return json.loads(body) if "json" in response.headers["Content-Type"] else body


def start(program, *options, **environment):
    names[program] = f"gpu-telemetry-test-{os.getpid()}-{program}"
    variables = [part for key, value in environment.items() for part in ("--env", f"{key}={value}")]
    podman(*RUN, "--detach", "--name", names[program], *options, *variables, IMAGE(program))


def check_container(program):
    """Its libraries, its health by the image's HEALTHCHECK, its user and its rights."""
    needs = podman("exec", names[program], "ldd", f"/usr/local/bin/{program}").stdout
    check("not found" not in needs and "libswift" not in needs, f"{program}: has its libraries, Swift's linked in")
    check(("libcurl" in needs) == (program != "mq-server"), f"{program}: needs libcurl unless it is mq-server")
    one = json.loads(podman("image", "inspect", IMAGE(program)).stdout)[0]
    kind, *command = (one.get("Healthcheck") or one["Config"]["Healthcheck"])["Test"]
    wait_until(lambda: kind == "CMD" and podman("exec", names[program], *command, check=False).returncode == 0,
               f"{program}: its HEALTHCHECK passes")
    with open(f"/proc/{podman('inspect', '--format', '{{.State.Pid}}', names[program]).stdout.strip()}/status") as file:
        status = file.read()
    check(re.search(r"^Uid:\s+65532\s+65532", status, re.M) and re.search(r"^CapEff:\s+0+$", status, re.M),
          f"{program}: is healthy, runs as 65532 without capabilities")


def follow(log):
    mq, mq_http, api, streamer_http, collector_http, influx = (free_port() for _ in range(6))
    queue = dict(MQ_HOST="127.0.0.1", MQ_PORT=mq, MQ_TOKEN=TOKEN)
    start("mq-server", "--volume", f"{log}:/var/lib/gpu-telemetry", TCP_PORT=mq, HTTP_PORT=mq_http, MQ_TOKEN=TOKEN)
    wait_until(lambda: get(mq_http, "/health"), "mq-server responds")
    start("api", API_PORT=api, API_TOKEN=TOKEN, **queue)
    # There is no database on this port: the collector must be healthy and not ready.
    start("collector", HTTP_PORT=collector_http, INFLUXDB_URL=f"http://127.0.0.1:{influx}", **queue)
    start("streamer", "--volume", f"{ROOT}/deploy/sample:/data:ro", SOURCE="/data", TIMESTAMPS="source", RATE="2000",
          STREAM_INTERVAL="200ms", HTTP_PORT=streamer_http, **queue)

    rows = (ROOT / "deploy/sample/dcgm_sample.csv").read_bytes().count(b"\n") - 1
    wait_until(lambda: get(api, "/api/v1/stats")["store"]["sample_count"] >= rows, "every row is in the API")
    stats = get(api, "/api/v1/stats")["store"]
    counts = (stats["sample_count"], stats["gpu_count"])
    check(counts == (rows, 64), f"the API has {rows} samples of 64 GPUs, each once")
    try:
        get(api, "/api/v1/gpus", "wrong")
        raise Failure("the API does not ask for its token")
    except urllib.error.HTTPError as error:
        check(error.code == 401, "the API asks for its token")
    check("swagger-ui-bundle.js" in get(api, "/swagger/index.html"), "the api image has the files of Swagger UI")
    health = podman("exec", "--env", f"API_PORT={free_port()}", names["api"], "api", "health", check=False)
    check(health.returncode == 1, "the HEALTHCHECK fails if nothing responds")
    # The order in which a shutdown loses nothing.
    for program in ("streamer", "collector", "api", "mq-server"):
        check_container(program)
        podman("kill", "--signal", "TERM", names[program])
        code, lines = podman("wait", names[program]).stdout.strip(), podman("logs", names[program])
        check(code == "0" and '"draining"' in lines.stdout + lines.stderr, f"{program}: drains, exit code {code}")
    # What the container wrote is sound, by another container of the same image.
    result = podman(*RUN, "--rm", "--volume", f"{log}:/log", IMAGE("mq-server"), "verify", "/log").stdout.strip()
    check(result.endswith("sound"), result)


with tempfile.TemporaryDirectory() as directory:
    os.chmod(directory, 0o755)
    log = os.path.join(directory, "log")
    os.mkdir(log)
    os.chown(log, 65532, 65532)
    try:
        follow(log)
    except Failure as error:
        for name in names.values():
            logs = podman("logs", "--tail", "8", name, check=False)
            print(f"-- {name}\n{logs.stdout}{logs.stderr}", file=sys.stderr)
        sys.exit(f"images-test: {error}")
    finally:
        podman("rm", "--force", "--time", "5", *names.values(), check=False)
print("images-test: passed")
