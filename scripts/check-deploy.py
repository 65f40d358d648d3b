#!/usr/bin/env python3
"""Checks everything in deploy/: the chart with several sets of values, the plain manifests, kind, compose, the Dockerfile.

Offline once scripts/setup-python.sh deploy and scripts/setup-helm.sh have run. Faults are planted as well, and each must be seen.
"""
import copy, difflib, glob, json, os, re, subprocess, sys

import kubernetes_validate
import yaml

import deploy_rules as rules

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
os.chdir(ROOT)
CHART = "deploy/helm/gpu-telemetry"
HELM = ".run/helm"
found = []


def fault(where, what):
    found.append(f"{where}: {what}")


def run(*command):
    return subprocess.run(command, capture_output=True, text=True)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def options():
    """The options of each program, by the tables of the guide, which a test compares with the programs."""
    tables = {}
    for section in re.split(r"^## ", read("Docs/Configuration.md"), flags=re.M):
        title = section.split("\n", 1)[0]
        if title in rules.PROGRAMS:
            tables[title] = set(re.findall(r"^\| `([A-Z_]+)` \|", section, re.M)) | {"LOG_LEVEL", "LOG_FORMAT"}
    complete = len(tables) == 4 and all(len(table) > 8 for table in tables.values())
    assert complete, "Docs/Configuration.md has no tables of options"
    return tables


OPTIONS = options()


def declared(values):
    """What a set of values says is the user's."""
    objects = {("Secret", values["existingSecret"])} if values.get("existingSecret") else set()
    objects |= {("PersistentVolumeClaim", one["existingClaim"]) for one in values.get("streamers", []) if "existingClaim" in one}
    return {"objects": objects, "keys": set(values.get("secretKeys", {}).values()), "options": OPTIONS}


def schema(where, objects):
    for one in objects:
        # Kinds of Prometheus' operator are not among Kubernetes' own.
        if one["kind"] not in ("ServiceMonitor", "PrometheusRule") and not one["apiVersion"].startswith("kind.x-k8s.io"):
            try:
                kubernetes_validate.validate(one, kubernetes_validate.latest_version(), strict=True)
            except kubernetes_validate.ValidationError as error:
                fault(where, f"{rules.name(one)}: {'.'.join(map(str, error.path))}: {error.message}")


def values_accepted(where, objects):
    """The programs themselves read the values: they refuse what they cannot before they show their help."""
    directory = os.environ.get("BIN", ".build/debug")
    for one in rules.workloads(objects):
        for container in rules.pod(one)["containers"]:
            path = os.path.join(directory, rules.program(container))
            if os.access(path, os.X_OK):
                env = {}
                for variable in container.get("env", []):
                    value = variable.get("value", "1")  # an index, an address, a token: what the cluster gives
                    env[variable["name"]] = re.sub(r"\$\((\w+)\)", lambda match: env.get(match[1], ""), value)
                result = subprocess.run([path, "--help"], env=env, capture_output=True, text=True)
                if result.returncode:
                    fault(where, f"{rules.name(one)}: {container['name']}.env: {result.stderr.strip()}")


def chart():
    rendered = {}
    sets = [f"{CHART}/values.yaml", *sorted(glob.glob(f"{CHART}/ci/*.yaml")), "deploy/k8s/values.yaml"]
    for path in sets:
        lint = run(HELM, "lint", "--strict", CHART, "--values", path)
        if lint.returncode:
            fault(path, "helm lint: " + (lint.stdout + lint.stderr).strip())
        for release in ("r", "gpu-telemetry"):
            result = run(HELM, "template", release, CHART, "--namespace", "gpu-telemetry", "--values", path)
            if result.returncode:
                fault(path, "helm template: " + result.stderr.strip())
                continue
            objects = [one for one in yaml.safe_load_all(result.stdout) if one]
            values = yaml.safe_load(read(path))
            where = f"{CHART} with {path}"
            if release == "r":
                schema(where, objects)
                values_accepted(where, objects)
            for text in rules.faults(objects, declared(values)):
                fault(where, text)
            rendered[path] = (objects, values)
    # What must be refused, with the reason.
    for arguments, reason in (
        (["--set", "storage=sqlite"], "/storage"),
        (["--set", "api.replicas=none"], "/api/replicas"),
        (["--set", "unknown=1"], "unknown"),
        (["--set", "collector.env.DRAIN_TIMEOUT=soon,storage=victoriametrics,victoriametrics.url=http://v"], '"soon" is not a duration'),
        (["--set", "mqServer.persistence.size=512Mi"], "leaves no room"),
        (["--set-json", 'mqServer.env={"MQ_MAX_FRAME_BYTES":9007199254740993}'], "maximum"),
        (["--set", "storage=influxdb"], "influxdb.url is needed"),
        (["--set", "secretKeys.mqToken=a"], "existingSecret is needed"),
        (["--set", "storage=influxdb,influxdb.enabled=true,existingSecret=s"], "is needed with influxdb.enabled"),
    ):
        result = run(HELM, "template", "r", CHART, *arguments)
        if result.returncode == 0 or reason not in result.stderr:
            fault(CHART, f"helm template {' '.join(arguments)} is not refused with '{reason}': {result.stderr.strip()}")
    return rendered


def numbers():
    """A number in any `env` reaches the program as it was written: helm has numbers of values files as floating point."""
    texts = {"268435456": "268435456", "1000000": "1000000", "0": "0", "-1": "-1", "0.25": "0.25", "9007199254740991": "9007199254740991"}
    for number, text in texts.items():
        def env(program):
            return "{" + ", ".join(f"{option}: {number}" for option in sorted(OPTIONS[program]) if option != "DRAIN_TIMEOUT") + "}"
        values = (f"storage: victoriametrics\nvictoriametrics: {{url: 'http://v:8428'}}\nmqServer: {{env: {env('mq-server')}}}\n"
                  f"collector: {{env: {env('collector')}}}\napi: {{env: {env('api')}}}\nstreamers: [{{name: one, source: x, env: {env('streamer')}}}]\n")
        result = subprocess.run([HELM, "template", "r", CHART, "--values", "-"], input=values, capture_output=True, text=True)
        if result.returncode:
            fault(CHART, f"numbers in env: {result.stderr.strip()}")
            continue
        for one in rules.workloads([one for one in yaml.safe_load_all(result.stdout) if one]):
            for container in rules.pod(one)["containers"]:
                rendered = {variable["name"]: variable.get("value") for variable in container["env"]}
                for option in OPTIONS[rules.program(container)] - {"DRAIN_TIMEOUT"}:
                    if rendered.get(option) != text:
                        fault(CHART, f"{rules.name(one)}: env.{option}: {number} is rendered as {rendered.get(option)}")


def alerts():
    """The chart's alert rules are valid, are those of the guide, and ask for metrics that the programs have."""
    path = f"{CHART}/alerts.yaml"
    result = run("promtool", "check", "rules", path)
    if result.returncode:
        fault(path, "promtool: " + (result.stdout + result.stderr).strip())
    guide = re.search(r"^<!-- as alerts.yaml -->\n```yaml\n(.*?)^```", read("Docs/Operations.md"), re.M | re.S)
    if not guide or guide[1] != read(path):
        fault(path, "is not what Docs/Operations.md shows")
    sources = "".join(read(file) for file in glob.glob("Sources/**/*.swift", recursive=True))
    for group in yaml.safe_load(read(path))["groups"]:
        for rule in group["rules"]:
            for metric in re.findall(r"\b(?:telemetry|streamer|collector|gateway)_\w+", rule["expr"]):
                if f'"{re.sub("_(count|sum|bucket)$", "", metric)}"' not in sources and f'"{metric}"' not in sources:
                    fault(path, f"{rule['alert']}: no program has {metric}")


def manifests():
    path = "deploy/k8s/gpu-telemetry.yaml"
    fresh = run("scripts/manifests.sh", "-").stdout
    if fresh != read(path):
        lines = difflib.unified_diff(read(path).splitlines(), fresh.splitlines(), path, "the chart", lineterm="", n=1)
        fault(path, "is not what the chart renders (make manifests): " + "\n".join(list(lines)[:20]))
    objects = [one for one in yaml.safe_load_all(fresh) if one]
    exports = list(yaml.safe_load_all(read("deploy/kind/exports.yaml")))
    schema("deploy/k8s", objects + [yaml.safe_load(read("deploy/k8s/namespace.yaml"))])
    schema("deploy/kind/exports.yaml", exports)
    for text in rules.faults(objects, declared(yaml.safe_load(read("deploy/k8s/values.yaml")))):
        fault(path, text)
    for one in objects:
        if one["metadata"].get("namespace") != "gpu-telemetry":
            fault(path, f"{rules.name(one)}: metadata.namespace: is not gpu-telemetry")
    cluster = yaml.safe_load(read("deploy/kind/cluster.yaml"))
    mapped = {one["containerPort"] for node in cluster["nodes"] for one in node["extraPortMappings"]}
    served = {port["nodePort"] for one in objects if one["kind"] == "Service" for port in one["spec"]["ports"] if "nodePort" in port}
    if mapped != served or mapped != {30080, 30086}:
        fault("deploy/kind/cluster.yaml", f"maps the ports {mapped}, the manifests serve {served}")


def compose(chart_objects):
    path = "deploy/compose.yaml"
    document = yaml.safe_load(read(path))
    # As long as in the chart, where the startup probe gives it that time.
    queue = next(one for one in rules.workloads(chart_objects) if one["metadata"]["name"].endswith("-mq-server"))
    probe = rules.pod(queue)["containers"][0]["startupProbe"]
    given = rules.seconds(document["services"]["mq-server"].get("healthcheck", {}).get("start_period", "0s"))
    if given < probe["periodSeconds"] * probe["failureThreshold"]:
        fault(path, f"mq-server.healthcheck.start_period: {given:g} s are shorter than the chart's startup probe")
    example = set(re.findall(r"^([A-Z_]+)=", read("deploy/.env.example"), re.M))
    targets = set(re.findall(r"^FROM .* AS (\S+)$", read("deploy/docker/Dockerfile"), re.M))
    for text in re.findall(r"\$\{([^}]*)\}", read(path)):
        variable = re.match(r"[A-Z_]+", text)[0]
        if variable not in example:
            fault(path, f"{variable} is not in deploy/.env.example")
        if re.search("TOKEN|PASSWORD", variable) and f"{variable}:?" not in text:
            fault(path, f"{variable} may be empty")
    if filled := re.findall(r"^(\w*(?:TOKEN|PASSWORD)\w*)=.+", read("deploy/.env.example"), re.M):
        fault("deploy/.env.example", f"has values of secrets: {filled}")
    for service, body in document["services"].items():
        known = OPTIONS.get(service)
        for variable in body.get("environment", {}) if known else ():
            if variable not in known:
                fault(path, f"{service}.environment.{variable}: is no option of {service}")
        if known and body["build"]["target"] not in targets:
            fault(path, f"{service}.build.target: the Dockerfile has no {body['build']['target']}")
        for other, how in body.get("depends_on", {}).items():
            if other not in document["services"] or how["condition"] != "service_healthy":
                fault(path, f"{service}.depends_on.{other}: is not waited for until it is healthy")
        for volume in body.get("volumes", []):
            source = volume.split(":")[0]
            if re.fullmatch(r"[a-z-]+", source) and source not in document["volumes"]:
                fault(path, f"{service}.volumes: there is no volume {source}")


def dockerfile():
    path = "deploy/docker/Dockerfile"
    lint = run(os.path.join(os.path.dirname(sys.executable), "hadolint"), path)
    if lint.returncode:
        fault(path, "hadolint: " + (lint.stdout + lint.stderr).strip())
    for target in re.split(r"^FROM ", read(path), flags=re.M)[1:]:
        program = target.split("\n")[0].split(" AS ")[-1]
        if program in rules.PROGRAMS:
            for variable in re.findall(r"^ENV ([A-Z_]+)=", target, re.M):
                if variable not in OPTIONS[program]:
                    fault(path, f"{program}: ENV {variable}: is no option of it")
            for line in ("USER 65532:65532", "HEALTHCHECK ", f'ENTRYPOINT ["{program}"]'):
                if line not in target:
                    fault(path, f"{program}: has no {line}")


def dashboard():
    """Every metric that the dashboard asks for is written somewhere in the sources."""
    path = f"{CHART}/dashboards/gpu-telemetry.json"
    sources = "".join(read(file) for file in glob.glob("Sources/**/*.swift", recursive=True))
    for panel in json.loads(read(path))["panels"]:
        for target in panel["targets"]:
            for metric in re.findall(r"\b(?:telemetry|streamer|collector|gateway)_\w+", target["expr"]):
                if f'"{metric}"' not in sources:
                    fault(path, f"{panel['title']}: no program writes {metric}")


def planted(objects, values):
    """The rules can fail: one fault at a time, each of which must be seen where it is."""
    def of(changed, kind, suffix):
        return next(one for one in changed if one["kind"] == kind and one["metadata"]["name"].endswith(suffix))

    def container(changed, kind, suffix):
        return rules.pod(of(changed, kind, suffix))["containers"][0]

    def secret(changed):
        return next(one["valueFrom"]["secretKeyRef"] for one in container(changed, "Deployment", "-api")["env"] if "valueFrom" in one)

    def policy_port(changed):
        return of(changed, "NetworkPolicy", "-api")["spec"]["ingress"][0]["ports"][0]

    def retention(changed):
        return next(one for one in container(changed, "StatefulSet", "-mq-server")["env"] if one["name"] == "MQ_RETENTION_BYTES")

    def storage(changed):
        return next(one for one in container(changed, "Deployment", "-api")["env"] if one["name"] == "STORAGE")

    monitor = {"kind": "ServiceMonitor", "metadata": {"name": "planted"}, "spec": {
        "selector": {"matchLabels": {"app.kubernetes.io/name": "gpu-telemetry"}}, "endpoints": [{"port": "http"}]}}

    def claim(changed):
        return rules.pod(of(changed, "Deployment", "-exports"))["volumes"][0]["persistentVolumeClaim"]

    plants = [
        ("are not labels of its own pods", lambda o: of(o, "Deployment", "-api")["spec"]["selector"]["matchLabels"].update(a="b")),
        ("too", lambda o: of(o, "Deployment", "-api")["spec"]["selector"].update(matchLabels={"app.kubernetes.io/name": "gpu-telemetry"})),
        ("Service/gpu-telemetry-api: spec.selector", lambda o: of(o, "Service", "-api")["spec"]["selector"].update(a="b")),
        ("spec.scaleTargetRef", lambda o: of(o, "HorizontalPodAutoscaler", "-api")["spec"]["scaleTargetRef"].update(name="apy")),
        ("undo what the autoscaler", lambda o: of(o, "Deployment", "-api")["spec"].update(replicas=2)),
        ("spec.serviceName", lambda o: of(o, "StatefulSet", "-mq-server")["spec"].update(serviceName="queue")),
        ("targetPort", lambda o: of(o, "Service", "-api")["spec"]["ports"][0].update(targetPort="web")),
        ("NetworkPolicy/gpu-telemetry-api: spec.ingress.ports", lambda o: policy_port(o).update(port="web")),
        ("readinessProbe.httpGet.port", lambda o: container(o, "Deployment", "-api")["readinessProbe"]["httpGet"].update(port="web")),
        ("is no containerPort", lambda o: container(o, "Deployment", "-api")["ports"][0].update(containerPort=8081)),
        ("env.MQ_HOST: there is no Service", lambda o: o.remove(of(o, "Service", "-mq-server"))),
        ("there is no Secret/other", lambda o: secret(o).update(name="other")),
        ("is declared nowhere", lambda o: secret(o).update(key="other")),
        ("there is no ServiceAccount", lambda o: o.remove(of(o, "ServiceAccount", ""))),
        ("there is no PersistentVolumeClaim/none", lambda o: claim(o).update(claimName="none")),
        ("there is no volume none", lambda o: container(o, "StatefulSet", "-mq-server")["volumeMounts"][0].update(name="none")),
        ("env.MQ_HSOT: is no option of collector", lambda o: container(o, "StatefulSet", "-collector")["env"].append({"name": "MQ_HSOT", "value": "x"})),
        ("is not set before it", lambda o: container(o, "StatefulSet", "-collector")["env"].insert(0, {"name": "OFFSET", "value": "$(POD_INDEX)"})),
        ("a secret is a plain value", lambda o: container(o, "Deployment", "-api")["env"].append({"name": "API_TOKEN", "value": "x"})),
        ("may run as root", lambda o: rules.pod(of(o, "Deployment", "-api"))["securityContext"].update(runAsNonRoot=False)),
        ("readOnlyRootFilesystem: is not True", lambda o: container(o, "StatefulSet", "-mq-server")["securityContext"].pop("readOnlyRootFilesystem")),
        ("is not longer than DRAIN_TIMEOUT", lambda o: container(o, "StatefulSet", "-collector")["env"].append({"name": "DRAIN_TIMEOUT", "value": "30s"})),
        ("MQ_RETENTION_BYTES: 0 does not keep", lambda o: retention(o).update(value="0")),
        ("MQ_RETENTION_BYTES: 10GiB does not keep", lambda o: retention(o).update(value="10GiB")),
        ("Prometheus cannot reach the port http of StatefulSet/gpu-telemetry-mq-server", lambda o: o.append(monitor)),
        ("each replica would call for the next", lambda o: storage(o).update(value="memory")),
        ("startupProbe: is missing", lambda o: container(o, "StatefulSet", "-influxdb").pop("startupProbe")),
        ("livenessProbe: is missing", lambda o: container(o, "StatefulSet", "-mq-server").pop("livenessProbe")),
        ("names no version", lambda o: container(o, "Deployment", "-api").update(image="gpu-telemetry/api:latest")),
        ("is there twice", lambda o: o.append(of(o, "Service", "-api"))),
    ]
    for expected, plant in plants:
        changed = copy.deepcopy(objects)
        plant(changed)
        seen = rules.faults(changed, declared(values))
        if not any(expected in text for text in seen):
            fault("scripts/check-deploy.py", f"a planted fault is not seen: '{expected}'; seen: {seen}")
    # The schemas as well: a field that no Deployment has.
    before = len(found)
    changed = copy.deepcopy(of(objects, "Deployment", "-api"))
    changed["spec"]["replica"] = 1
    schema("planted", [changed])
    if len(found) == before:
        fault("scripts/check-deploy.py", "the schema takes spec.replica")
    del found[before:before + 1]
    return len(plants) + 1


def main():
    rendered = chart()
    numbers()
    alerts()
    manifests()
    compose(rendered["deploy/k8s/values.yaml"][0])
    dockerfile()
    dashboard()
    plants = planted(*rendered["deploy/k8s/values.yaml"]) if not found else 0
    for text in found:
        print(text, file=sys.stderr)
    if found:
        sys.exit(f"check-deploy: {len(found)} faults")
    objects = sum(len(one) for one, _ in rendered.values())
    print(f"check-deploy: {len(rendered)} sets of values, {objects} objects, compose, Dockerfile, dashboard: sound; {plants} planted faults seen")


main()
