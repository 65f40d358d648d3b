#!/usr/bin/env python3
"""Checks everything in deploy/: the chart with several sets of values, the manifests, kind, compose, the Dockerfile.

Offline after `scripts/setup.sh deploy helm`. Faults are planted as well, and each must be found.
"""
import copy, glob, json, os, pathlib, re, subprocess, sys

import kubernetes_validate
import yaml

import deploy_rules as rules

os.chdir(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CHART, COMPOSE, DOCKERFILE = "deploy/helm/gpu-telemetry", "deploy/compose.yaml", "deploy/docker/Dockerfile"
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
    return pathlib.Path(path).read_text()


def objects_of(text):
    return [one for one in yaml.safe_load_all(text) if one]


def program_help(program, **options):
    return run(program, os.path.join(os.environ.get("BIN", ".build/debug"), program), "--help", **options)


# The variables of each program, which its --help lists as flags.
OPTIONS = {program: {flag.upper().replace("-", "_") for flag in re.findall("--([a-z][a-z-]*)", program_help(program))}
           for program in rules.PROGRAMS}


def declared(values):
    """What a set of values says is the user's."""
    objects = {("PersistentVolumeClaim", one.get("existingClaim")) for one in values.get("streamers", [])}
    return {"objects": objects | {("Secret", values.get("existingSecret"))}, "options": OPTIONS,
            "keys": set(values.get("secretKeys", {}).values())}


def schema(where, objects):
    for one in objects:
        # Kinds of Prometheus' operator and of kind are not among Kubernetes' own.
        if one["kind"] not in ("ServiceMonitor", "PrometheusRule"):
            try:
                kubernetes_validate.validate(one, kubernetes_validate.latest_version(), strict=True)
            except kubernetes_validate.ValidationError as error:
                fault(where, f"{rules.name(one)}: {'.'.join(map(str, error.path))}: {error.message}")


def values_accepted(objects):
    """The programs read the values themselves: they refuse invalid ones before they print their help."""
    for _, container, _, env in rules.containers(objects):
        if rules.program(container) in rules.PROGRAMS:
            # Without a value: an index, an address, a token: what the cluster gives.
            env = {name: value or "1" for name, value in env.items()}
            env = {name: re.sub(r"\$\((\w+)\)", lambda match: env[match[1]], value) for name, value in env.items()}
            program_help(rules.program(container), env=env)


def render(where, *arguments, **options):
    return objects_of(run(where, ".run/helm", "template", "gpu-telemetry", CHART, *arguments, **options))


def chart():
    """Each set of values renders to sound objects. Returns those of deploy/k8s, with the number of all."""
    count = 0
    for path in (f"{CHART}/values.yaml", *sorted(glob.glob(f"{CHART}/ci/*.yaml")), "deploy/k8s/values.yaml"):
        run(path, ".run/helm", "lint", "--strict", CHART, "--values", path)
        objects, values = render(path, "--namespace", "gpu-telemetry", "--values", path), yaml.safe_load(read(path))
        schema(path, objects)
        values_accepted(objects)
        for text in rules.faults(objects, declared(values)):
            fault(path, text)
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
        env = {program: dict.fromkeys(known - {"DRAIN_TIMEOUT"}, "@") for program, known in OPTIONS.items()}
        values = {"storage": "victoriametrics", "victoriametrics": {"url": "http://v:8428"},
                  "mqServer": {"env": env["mq-server"]}, "collector": {"env": env["collector"]},
                  "api": {"env": env["api"]}, "streamers": [{"name": "one", "source": "x", "env": env["streamer"]}]}
        objects = render(f"{CHART}: {number} in env", "--values", "-", input=json.dumps(values).replace('"@"', number))
        for one, container, _, rendered in rules.containers(objects):
            for option in env[rules.program(container)]:
                if rendered.get(option) != number:
                    fault(CHART, f"{rules.name(one)}: env.{option}: {number} is rendered as {rendered.get(option)}")


def observability():
    """Alert rules are valid and those of the guide; they and the dashboard use metrics that the programs have."""
    path, dashboard = f"{CHART}/alerts.yaml", f"{CHART}/dashboards/gpu-telemetry.json"
    run(path, "promtool", "check", "rules", path)
    if f"<!-- as alerts.yaml -->\n```yaml\n{read(path)}```\n" not in read("Docs/Operations.md"):
        fault(path, "is not what Docs/Operations.md contains")
    known = set(re.findall(r'"(\w+)"', "".join(map(read, glob.glob("Sources/**/*.swift", recursive=True)))))
    expressions = [rule["expr"] for group in yaml.safe_load(read(path))["groups"] for rule in group["rules"]]
    expressions += [target["expr"] for panel in json.loads(read(dashboard))["panels"] for target in panel["targets"]]
    for metric in re.findall(r"\b(?:telemetry|streamer|collector|gateway)_\w+", " ".join(expressions)):
        if not known & {metric, re.sub("_(count|sum|bucket)$", "", metric)}:
            fault(CHART, f"alerts or dashboard: no program has {metric}")


def manifests(objects):
    path = "deploy/k8s/gpu-telemetry.yaml"
    if run(path, "scripts/manifests.sh") != read(path):
        fault(path, "is not what the chart renders: make manifests")
    schema("deploy/k8s", objects_of(read("deploy/k8s/namespace.yaml")) + objects_of(read("deploy/kind/exports.yaml")))
    for one in objects:
        if one["metadata"].get("namespace") != "gpu-telemetry":
            fault(path, f"{rules.name(one)}: metadata.namespace: is not gpu-telemetry")
    cluster = yaml.safe_load(read("deploy/kind/cluster.yaml"))
    mapped = {one["containerPort"] for node in cluster["nodes"] for one in node["extraPortMappings"]}
    served = {port.get("nodePort") for one in rules.of_kind(objects, "Service") for port in one["spec"]["ports"]}
    if mapped != served - {None}:
        fault("deploy/kind/cluster.yaml", f"maps the ports {mapped}, the manifests serve {served}")


def compose(text, objects):
    """Yields what is wrong with the compose file."""
    example, document = read("deploy/.env.example"), yaml.safe_load(text)
    services = document["services"]
    # As long as the startup probe of the chart allows.
    [probe] = [each["startupProbe"] for _, each, where, _ in rules.containers(objects) if where == "mq-server"]
    given = rules.seconds(services["mq-server"]["healthcheck"]["start_period"])
    if given < probe["periodSeconds"] * probe["failureThreshold"]:
        yield "mq-server.healthcheck.start_period: is shorter than the chart's startup probe"
    for variable, more in re.findall(r"\$\{([A-Z_]+)([^}]*)\}", text):
        if not re.search(rf"^{variable}=", example, re.M):
            yield f"{variable} is not in deploy/.env.example"
        if re.search("TOKEN|PASSWORD", variable) and not more.startswith(":?"):
            yield f"{variable} may be empty"
    if filled := re.findall(r"^(\w*(?:TOKEN|PASSWORD)\w*)=.+", example, re.M):
        yield f"deploy/.env.example has values of secrets: {filled}"
    mounted = set()
    for service, body in services.items():
        for variable in set(body.get("environment", {})) - OPTIONS.get(service, set(body.get("environment", {}))):
            yield f"{service}.environment.{variable}: is not an option of {service}"
        if service in OPTIONS and body["build"]["target"] != service:
            yield f"{service}.build.target: is not the Dockerfile's {service}"
        for other, how in body.get("depends_on", {}).items():
            if other not in services or how["condition"] != "service_healthy":
                yield f"{service}.depends_on.{other}: does not wait until it is healthy"
        mounted |= {volume.split(":")[0] for volume in body.get("volumes", []) if re.match(r"[a-z]", volume)}
    for volume in mounted ^ set(document["volumes"]):
        yield f"volumes.{volume}: is not both declared and mounted"


def dockerfile():
    run(DOCKERFILE, os.path.join(os.path.dirname(sys.executable), "hadolint"), DOCKERFILE)
    stages = {stage.split("\n")[0].split(" AS ")[-1]: stage for stage in read(DOCKERFILE).split("\nFROM ")}
    for program in rules.PROGRAMS:
        for variable in set(re.findall(r"^ENV ([A-Z_]+)=", stages[program], re.M)) - OPTIONS[program]:
            fault(DOCKERFILE, f"{program}: ENV {variable}: is not an option of it")
        for line in ("USER 65532:65532", "HEALTHCHECK ", f'ENTRYPOINT ["{program}"]'):
            if line not in stages[program]:
                fault(DOCKERFILE, f"{program}: has no {line}")


POD = "spec.template.spec."
BOX = POD + "containers.0."
LABELS = {"app.kubernetes.io/name": "gpu-telemetry"}
MONITOR = {"kind": "ServiceMonitor", "metadata": {"name": "planted"},
           "spec": {"selector": {"matchLabels": LABELS}, "endpoints": [{"port": "http"}]}}
OTHERS = [{"from": [{"namespaceSelector": {}, "podSelector": {"matchLabels": LABELS}}], "ports": [{"port": "http"}]}]
POLICY = {"kind": "NetworkPolicy", "metadata": {"name": "planted"},
          "spec": {"podSelector": {"matchLabels": LABELS}, "ingress": OTHERS}}
# What must be found, and the fault: an object, a path in it, and what is put there; `...` removes it.
PLANTED = [
    ("are not labels of its own pods", "Deployment/-api", "spec.selector.matchLabels.a", "b"),
    ("also match the pods", "Deployment/-api", "spec.selector.matchLabels", LABELS),
    ("no workload has pods with these labels", "Service/-api", "spec.selector.a", "b"),
    ("there is no Deployment/apy", "HorizontalPodAutoscaler/-api", "spec.scaleTargetRef.name", "apy"),
    ("undo the autoscaler", "Deployment/-api", "spec.replicas", 2),
    ("there is no Service/queue", "StatefulSet/-mq-server", "spec.serviceName", "queue"),
    ("targetPort: Deployment/gpu-telemetry-api has no port web", "Service/-api", "spec.ports.0.targetPort", "web"),
    ("spec.ingress.ports", "NetworkPolicy/-api", "spec.ingress.0.ports.0.port", "web"),
    ("readinessProbe.httpGet.port", "Deployment/-api", BOX + "readinessProbe.httpGet.port", "web"),
    ("is not a containerPort", "Deployment/-api", BOX + "ports.0.containerPort", 8081),
    ("env.MQ_HOST: there is no Service", "Service/-mq-server", "metadata.name", "other"),
    ("there is no Secret/other", "Deployment/-api", BOX + "env.INFLUXDB_TOKEN.valueFrom.secretKeyRef.name", "other"),
    ("key other is not declared", "Deployment/-api", BOX + "env.INFLUXDB_TOKEN.valueFrom.secretKeyRef.key", "other"),
    ("there is no ServiceAccount", "ServiceAccount/", "metadata.name", "other"),
    ("there is no PersistentVolumeClaim/none", "Deployment/-exports",
     POD + "volumes.0.persistentVolumeClaim.claimName", "none"),
    ("there is no volume none", "StatefulSet/-mq-server", BOX + "volumeMounts.0.name", "none"),
    ("env.MQ_HSOT: is not an option", "StatefulSet/-collector", BOX + "env.0.name", "MQ_HSOT"),
    ("POD is not set before it", "StatefulSet/-collector", BOX + "env.0.value", "$(POD)"),
    ("a secret is a plain value", "Deployment/-api", BOX + "env.0", {"name": "API_TOKEN", "value": "x"}),
    ("runAsNonRoot: is not True", "Deployment/-api", POD + "securityContext.runAsNonRoot", False),
    ("readOnlyRootFilesystem: is not", "StatefulSet/-mq-server", BOX + "securityContext.readOnlyRootFilesystem", ...),
    ("not longer than DRAIN", "StatefulSet/-collector", BOX + "env.0", {"name": "DRAIN_TIMEOUT", "value": "30s"}),
    ("0 does not keep the log", "StatefulSet/-mq-server", BOX + "env.MQ_RETENTION_BYTES.value", "0"),
    ("10GiB does not keep the log", "StatefulSet/-mq-server", BOX + "env.MQ_RETENTION_BYTES.value", "10GiB"),
    ("cannot reach the port http of StatefulSet/gpu-telemetry-mq-server", "", "", [MONITOR]),
    ("NetworkPolicy/planted: spec.ingress: Prometheus cannot reach the port http", "", "", [MONITOR, POLICY]),
    ("each replica would cause the next", "Deployment/-api", BOX + "env.STORAGE.value", "memory"),
    ("startupProbe: is missing", "StatefulSet/-influxdb", BOX + "startupProbe", ...),
    ("livenessProbe: is missing", "StatefulSet/-mq-server", BOX + "livenessProbe", ...),
    ("has no version", "Deployment/-api", BOX + "image", "gpu-telemetry/api:latest"),
    ("occurs twice", "Service/-api", "metadata.name", "gpu-telemetry-mq-server"),
    ("replica' was unexpected", "Deployment/-api", "spec.replica", 1),
    ("volumes.log: is not both declared and mounted", "compose", "\n  log:", ""),
    ("volumes.log: is not both declared and mounted", "compose", '["log:/var/lib/gpu-telemetry"]', "[]"),
    ("streamer.build.target", "compose", "target: streamer", "target: collector"),
]


def plant(objects, target, path, value):
    if not target:
        return objects.extend(value)
    kind, suffix = target.split("/")
    one = next(one for one in objects if one["kind"] == kind and one["metadata"]["name"].endswith(suffix))
    parents, _, last = path.rpartition(".")
    one, last = rules.at(one, parents), int(last) if last.isdigit() else last
    if value is ...:
        del one[last]
    else:
        one[last] = value


def reports(objects, values, target, path, value):
    """What is reported of the planted fault."""
    if target == "compose":
        return list(compose(read(COMPOSE).replace(path, value), objects))
    changed, before = copy.deepcopy(objects), len(found)
    plant(changed, target, path, value)
    schema("planted", [one for one in changed if "apiVersion" in one and one not in objects])
    planted = found[before:]
    del found[before:]
    return planted + rules.faults(changed, declared(values))


def main():
    objects, values, count = chart()
    for check in (refusals, numbers, observability, dockerfile):
        check()
    manifests(objects)
    found.extend(f"{COMPOSE}: {text}" for text in compose(read(COMPOSE), objects))
    # The rules can fail: one fault at a time, each of which must be found.
    for expected, *how in [] if found else PLANTED:
        seen = reports(objects, values, *how)
        if not any(expected in text for text in seen):
            fault("scripts/check-deploy.py", f"a planted fault is not found: '{expected}'; found: {seen}")
    print(*found, sep="\n", end="\n" if found else "", file=sys.stderr)
    if found:
        sys.exit(f"check-deploy: {len(found)} faults")
    print(f"check-deploy: {count} objects of the chart, compose, Dockerfile, dashboard, alerts: sound;"
          f" {len(PLANTED)} planted faults found")


main()
