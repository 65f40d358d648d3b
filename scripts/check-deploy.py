#!/usr/bin/env python3
"""Checks everything in deploy/: the chart with several sets of values, the manifests, kind, compose, the Dockerfile.

Offline after `scripts/setup.sh deploy helm`. Faults are planted as well, and each must be found.
"""
import copy, glob, json, os, re, subprocess, sys

import kubernetes_validate
import yaml

import deploy_rules as rules

os.chdir(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CHART = "deploy/helm/gpu-telemetry"
found = []


def fault(where, what):
    found.append(f"{where}: {what}")


def run(where, *command, **options):
    """What the command prints; a fault if it fails."""
    result = subprocess.run(command, capture_output=True, text=True, **options)
    if result.returncode:
        fault(where, f"{' '.join(command[:2])}: {(result.stdout + result.stderr).strip()}")
    return result.stdout


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def objects_of(text):
    return [one for one in yaml.safe_load_all(text) if one]


def binary(program):
    return os.path.join(os.environ.get("BIN", ".build/debug"), program)


def options():
    """The variables of each program, which its --help lists as flags."""
    texts = {program: subprocess.run([binary(program), "--help"], capture_output=True, text=True, check=True).stdout
             for program in rules.PROGRAMS}
    return {program: {flag[2:].upper().replace("-", "_") for flag in re.findall(r"--[a-z][a-z-]*", text)}
            for program, text in texts.items()}


OPTIONS = options()
SOURCES = "".join(map(read, glob.glob("Sources/**/*.swift", recursive=True)))


def unknown_metrics(text):
    for metric in re.findall(r"\b(?:telemetry|streamer|collector|gateway)_\w+", text):
        if not {f'"{metric}"', f'"{re.sub("_(count|sum|bucket)$", "", metric)}"'} & set(re.findall(r'"\w+"', SOURCES)):
            yield metric


def declared(values):
    """What a set of values says is the user's."""
    objects = {("Secret", values["existingSecret"])} if values.get("existingSecret") else set()
    claims = {("PersistentVolumeClaim", one.get("existingClaim")) for one in values.get("streamers", [])}
    return {"objects": objects | claims, "keys": set(values.get("secretKeys", {}).values()), "options": OPTIONS}


def schema(where, objects):
    for one in objects:
        # Kinds of Prometheus' operator and of kind are not among Kubernetes' own.
        if one["kind"] not in ("ServiceMonitor", "PrometheusRule"):
            try:
                kubernetes_validate.validate(one, kubernetes_validate.latest_version(), strict=True)
            except kubernetes_validate.ValidationError as error:
                fault(where, f"{rules.name(one)}: {'.'.join(map(str, error.path))}: {error.message}")


def values_accepted(where, objects):
    """The programs read the values themselves: they refuse invalid ones before they print their help."""
    for one, container, at, env in rules.containers(objects):
        if rules.program(container) in rules.PROGRAMS:
            # Without a value: an index, an address, a token: what the cluster gives.
            env = {name: value or "1" for name, value in env.items()}
            env = {name: re.sub(r"\$\((\w+)\)", lambda match: env[match[1]], value) for name, value in env.items()}
            run(f"{where}: {rules.name(one)}: {at}.env", binary(rules.program(container)), "--help", env=env)


def render(where, *arguments, **options):
    return objects_of(run(where, ".run/helm", "template", "gpu-telemetry", CHART, *arguments, **options))


def chart():
    """Each set of values renders to sound objects. Returns those of deploy/k8s, with the number of all."""
    count = 0
    for path in (f"{CHART}/values.yaml", *sorted(glob.glob(f"{CHART}/ci/*.yaml")), "deploy/k8s/values.yaml"):
        run(path, ".run/helm", "lint", "--strict", CHART, "--values", path)
        objects, values = render(path, "--namespace", "gpu-telemetry", "--values", path), yaml.safe_load(read(path))
        where = f"{CHART} with {path}"
        schema(where, objects)
        values_accepted(where, objects)
        for text in rules.faults(objects, declared(values)):
            fault(where, text)
        count += len(objects)
    return objects, values, count


def refusals():
    """What the chart must refuse, with the reason."""
    for argument, reason in (
        ("storage=sqlite", "/storage"),
        ("api.replicas=none", "/api/replicas"),
        ("unknown=1", "unknown"),
        ("collector.env.DRAIN_TIMEOUT=soon,storage=victoriametrics,victoriametrics.url=http://v", "is not a duration"),
        ("mqServer.persistence.size=512Mi", "leaves no room"),
        ("mqServer.env.MQ_MAX_FRAME_BYTES=9007199254740993", "maximum"),
        ("storage=influxdb", "influxdb.url is needed"),
        ("secretKeys.mqToken=a", "existingSecret is needed"),
        ("storage=influxdb,influxdb.enabled=true,existingSecret=s", "is needed with influxdb.enabled"),
    ):
        how = "--set-json" if "FRAME" in argument else "--set"
        result = subprocess.run([".run/helm", "template", "r", CHART, how, argument], capture_output=True, text=True)
        if result.returncode == 0 or reason not in result.stderr:
            fault(CHART, f"{argument} is not refused with '{reason}': {result.stderr.strip()}")


def numbers():
    """A number in any `env` reaches the program as it was written: helm reads numbers as floating point."""
    for number in ("268435456", "1000000", "0", "-1", "0.25", "9007199254740991"):
        env = {program: {option: "@" for option in known - {"DRAIN_TIMEOUT"}} for program, known in OPTIONS.items()}
        values = {"storage": "victoriametrics", "victoriametrics": {"url": "http://v:8428"},
                  "mqServer": {"env": env["mq-server"]}, "collector": {"env": env["collector"]},
                  "api": {"env": env["api"]}, "streamers": [{"name": "one", "source": "x", "env": env["streamer"]}]}
        objects = render(f"{CHART}: {number} in env", "--values", "-", input=json.dumps(values).replace('"@"', number))
        for one, container, at, rendered in rules.containers(objects):
            for option in env[rules.program(container)]:
                if rendered.get(option) != number:
                    fault(CHART, f"{rules.name(one)}: env.{option}: {number} is rendered as {rendered.get(option)}")


def observability():
    """Alert rules are valid and those of the guide; they and the dashboard use metrics that the programs have."""
    path = f"{CHART}/alerts.yaml"
    run(path, "promtool", "check", "rules", path)
    guide = re.search(r"^<!-- as alerts.yaml -->\n```yaml\n(.*?)^```", read("Docs/Operations.md"), re.M | re.S)
    if not guide or guide[1] != read(path):
        fault(path, "is not what Docs/Operations.md contains")
    for group in yaml.safe_load(read(path))["groups"]:
        for rule in group["rules"]:
            for metric in unknown_metrics(rule["expr"]):
                fault(path, f"{rule['alert']}: no program has {metric}")
    path = f"{CHART}/dashboards/gpu-telemetry.json"
    for panel in json.loads(read(path))["panels"]:
        for metric in unknown_metrics(" ".join(target["expr"] for target in panel["targets"])):
            fault(path, f"{panel['title']}: no program has {metric}")


def manifests(objects):
    path = "deploy/k8s/gpu-telemetry.yaml"
    if run(path, "scripts/manifests.sh", "-") != read(path):
        fault(path, "is not what the chart renders: make manifests")
    schema("deploy/k8s", objects_of(read("deploy/k8s/namespace.yaml")) + objects_of(read("deploy/kind/exports.yaml")))
    for one in objects:
        if one["metadata"].get("namespace") != "gpu-telemetry":
            fault(path, f"{rules.name(one)}: metadata.namespace: is not gpu-telemetry")
    cluster = yaml.safe_load(read("deploy/kind/cluster.yaml"))
    mapped = {one["containerPort"] for node in cluster["nodes"] for one in node["extraPortMappings"]}
    ports = [port for one in rules.of_kind(objects, "Service") for port in one["spec"]["ports"]]
    if mapped != (served := {port["nodePort"] for port in ports if "nodePort" in port}):
        fault("deploy/kind/cluster.yaml", f"maps the ports {mapped}, the manifests serve {served}")


def compose(objects):
    path = "deploy/compose.yaml"
    text, example = read(path), read("deploy/.env.example")
    services = yaml.safe_load(text)["services"]
    # As long as the startup probe of the chart allows.
    [probe] = [container["startupProbe"] for _, container, at, _ in rules.containers(objects) if at == "mq-server"]
    given = rules.seconds(services["mq-server"]["healthcheck"]["start_period"])
    if given < probe["periodSeconds"] * probe["failureThreshold"]:
        fault(path, "mq-server.healthcheck.start_period: is shorter than the chart's startup probe")
    for variable, more in re.findall(r"\$\{([A-Z_]+)([^}]*)\}", text):
        if not re.search(rf"^{variable}=", example, re.M):
            fault(path, f"{variable} is not in deploy/.env.example")
        if re.search("TOKEN|PASSWORD", variable) and not more.startswith(":?"):
            fault(path, f"{variable} may be empty")
    if filled := re.findall(r"^(\w*(?:TOKEN|PASSWORD)\w*)=.+", example, re.M):
        fault("deploy/.env.example", f"has values of secrets: {filled}")
    for service in set(services) & set(OPTIONS):
        for variable in set(services[service].get("environment", {})) - OPTIONS[service]:
            fault(path, f"{service}.environment.{variable}: is not an option of {service}")
        for other, how in services[service].get("depends_on", {}).items():
            if how["condition"] != "service_healthy":
                fault(path, f"{service}.depends_on.{other}: does not wait until it is healthy")


def dockerfile():
    path = "deploy/docker/Dockerfile"
    run(path, os.path.join(os.path.dirname(sys.executable), "hadolint"), path)
    stages = {stage.split("\n")[0].split(" AS ")[-1]: stage for stage in re.split(r"^FROM ", read(path), flags=re.M)}
    for program in rules.PROGRAMS:
        for variable in set(re.findall(r"^ENV ([A-Z_]+)=", stages[program], re.M)) - OPTIONS[program]:
            fault(path, f"{program}: ENV {variable}: is not an option of it")
        for line in ("USER 65532:65532", "HEALTHCHECK ", f'ENTRYPOINT ["{program}"]'):
            if line not in stages[program]:
                fault(path, f"{program}: has no {line}")


CONTAINER = "spec.template.spec.containers.0."
MONITOR = {"kind": "ServiceMonitor", "metadata": {"name": "planted"}, "spec": {
    "selector": {"matchLabels": {"app.kubernetes.io/name": "gpu-telemetry"}}, "endpoints": [{"port": "http"}]}}
# What must be found, and the fault: an object, a path in it, and what is put there; `...` removes it.
PLANTED = [
    ("are not labels of its own pods", "Deployment/-api", "spec.selector.matchLabels.a", "b"),
    ("undo the autoscaler", "Deployment/-api", "spec.replicas", 2),
    ("targetPort", "Service/-api", "spec.ports.0.targetPort", "web"),
    ("readinessProbe.httpGet.port", "Deployment/-api", CONTAINER + "readinessProbe.httpGet.port", "web"),
    ("there is no Secret/other", "Deployment/-api", CONTAINER + "env.valueFrom.valueFrom.secretKeyRef.name", "other"),
    ("there is no volume none", "StatefulSet/-mq-server", CONTAINER + "volumeMounts.0.name", "none"),
    ("env.MQ_HSOT: is not an option", "Deployment/-api", CONTAINER + "env.0.name", "MQ_HSOT"),
    ("may run as root", "Deployment/-api", "spec.template.spec.securityContext.runAsNonRoot", False),
    ("not longer than DRAIN_TIMEOUT", "StatefulSet/-collector", "spec.template.spec.terminationGracePeriodSeconds", 12),
    ("10GiB does not keep the log", "StatefulSet/-mq-server", CONTAINER + "env.MQ_RETENTION_BYTES.value", "10GiB"),
    ("Prometheus cannot reach the port http", "ConfigMap/", "", MONITOR),
    ("each replica would cause the next", "Deployment/-api", CONTAINER + "env.STORAGE.value", "memory"),
    ("occurs twice", "Service/-api", "metadata.name", "gpu-telemetry-mq-server"),
    ("spec", "Deployment/-api", "spec.replica", 1),
]


def plant(objects, target, path, value):
    kind, suffix = target.split("/")
    one = next((one for one in objects if one["kind"] == kind and one["metadata"]["name"].endswith(suffix)), None)
    if not path:
        return objects.append(value)
    *parents, last = path.split(".")
    for key in parents:
        if isinstance(one, list):
            one = one[int(key)] if key.isdigit() else next(each for each in one if each["name"] == key or key in each)
        else:
            one = one[key]
    last = int(last) if isinstance(one, list) else last
    if value is ...:
        del one[last]
    else:
        one[last] = value


def planted(objects, values):
    """The rules can fail: one fault at a time, each of which must be found."""
    for expected, *how in PLANTED:
        changed, before = copy.deepcopy(objects), len(found)
        plant(changed, *how)
        schema("planted", [one for one in changed if one.get("apiVersion")] if expected == "spec" else [])
        reports = rules.faults(changed, declared(values)) + found[before:]
        del found[before:]
        if not any(expected in text for text in reports):
            fault("scripts/check-deploy.py", f"a planted fault is not found: '{expected}'; found: {reports}")


def main():
    objects, values, count = chart()
    for check in (refusals, numbers, observability, dockerfile):
        check()
    manifests(objects)
    compose(objects)
    if not found:
        planted(objects, values)
    for text in found:
        print(text, file=sys.stderr)
    if found:
        sys.exit(f"check-deploy: {len(found)} faults")
    print(f"check-deploy: {count} objects of the chart, compose, Dockerfile, dashboard, alerts: sound;"
          f" {len(PLANTED)} planted faults found")


main()
