"""What must hold in a set of Kubernetes objects, beyond schemas. Each rule yields (object, field, what is wrong)."""
import re

PROGRAMS = ("mq-server", "streamer", "collector", "api")
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")
# Members that name another object, and its kind.
REFERENCES = {"serviceAccountName": "ServiceAccount", "claimName": "PersistentVolumeClaim", "secretName": "Secret",
              "secretKeyRef": "Secret", "configMap": "ConfigMap", "configMapKeyRef": "ConfigMap",
              "serviceName": "Service", "scaleTargetRef": ""}
# The labels of pods that the operator of Prometheus makes, in a namespace of their own.
PROMETHEUS = {"app.kubernetes.io/name": "prometheus", "app.kubernetes.io/instance": "k8s"}
# Pod security standard `restricted`, a read-only root, and no token that nobody uses.
POD = {"securityContext.runAsNonRoot": True, "securityContext.seccompProfile.type": "RuntimeDefault",
       "automountServiceAccountToken": False}
CONTAINER = {"securityContext.allowPrivilegeEscalation": False, "securityContext.readOnlyRootFilesystem": True,
             "securityContext.capabilities": {"drop": ["ALL"]}}


def name(one):
    return f"{one['kind']}/{one['metadata'].get('name')}"


def at(value, path):
    """What is at a path of names; in a list an index, or the name of an element. None if there is nothing."""
    for key in path.split("."):
        if isinstance(value, list):
            value = next((each for index, each in enumerate(value) if key in (str(index), each.get("name"))), None)
        else:
            value = (value or {}).get(key)
    return value


def members(value, path):
    """Every member in it, at any depth: its path, its name, and what it is."""
    for key, each in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        inner = f"{path}.{each.get('name', key) if isinstance(value, list) and isinstance(each, dict) else key}"
        yield inner, key, each
        yield from members(each, inner)


def of_kind(objects, *kinds):
    return [one for one in objects if one["kind"] in kinds]


def pod(workload):
    return workload["spec"]["template"]["spec"]


def program(container):
    return re.sub(r":[^:/]*$", "", container["image"]).rsplit("/", 1)[-1]


def containers(objects):
    """Each container with its workload, what faults are called by, and its plain variables."""
    for one in of_kind(objects, *WORKLOADS):
        for container in pod(one)["containers"]:
            env = {variable["name"]: variable.get("value", "") for variable in container.get("env", [])}
            yield one, container, container["name"], env


def matches(selector, labels):
    return selector.items() <= labels.items()


def selected(selector, objects):
    return [one for one in of_kind(objects, *WORKLOADS)
            if matches(selector.get("matchLabels", selector), one["spec"]["template"]["metadata"]["labels"])]


def port_names(workload):
    return {port["name"] for container in pod(workload)["containers"] for port in container.get("ports", [])}


def selectors(objects, _):
    for one in of_kind(objects, *WORKLOADS, "Service", "PodDisruptionBudget", "NetworkPolicy"):
        field = "podSelector" if one["kind"] == "NetworkPolicy" else "selector"
        chosen = selected(one["spec"][field], objects)
        if one["kind"] not in WORKLOADS and not chosen:
            yield one, f"spec.{field}", "no workload has pods with these labels"
        if one["kind"] in WORKLOADS and one not in chosen:
            yield one, "spec.selector.matchLabels", "are not labels of its own pods"
        for other in chosen:
            if one["kind"] in WORKLOADS and other is not one:
                yield one, "spec.selector.matchLabels", f"also match the pods of {name(other)}"


def autoscaling(objects, _):
    for one in of_kind(objects, "HorizontalPodAutoscaler"):
        wanted = one["spec"]["scaleTargetRef"]["name"]
        for target, _, _, env in containers([each for each in objects if each["metadata"]["name"] == wanted]):
            if "replicas" in target["spec"]:
                yield target, "spec.replicas", "every apply would undo the autoscaler's choice"
            if env.get("STORAGE") == "memory":
                yield one, "spec.metrics", f"{wanted} reads the log itself: each replica would cause the next"


def ports(objects, _):
    for one in of_kind(objects, "Service", "NetworkPolicy"):
        is_service = one["kind"] == "Service"
        used = [(port["targetPort"] if is_service else port["port"])
                for rule in ([one["spec"]] if is_service else one["spec"].get("ingress", []))
                for port in rule.get("ports", [])]
        for workload in selected(one["spec"]["selector" if is_service else "podSelector"], objects):
            for port in set(used) - port_names(workload):
                yield one, "targetPort" if is_service else "spec.ingress.ports", f"{name(workload)} has no port {port}"
    for one, container, where, env in containers(objects):
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            if probe not in container:
                yield one, f"{where}.{probe}", "is missing"
            elif at(container[probe], "httpGet.port") not in port_names(one) | {None}:
                yield one, f"{where}.{probe}.httpGet.port", "is not a port of the pod"
        numbers = {str(port["containerPort"]) for port in container.get("ports", [])}
        for variable in {"TCP_PORT", "HTTP_PORT", "API_PORT"} & set(env):
            if env[variable] not in numbers:
                yield one, f"{where}.env.{variable}", f"{env[variable]} is not a containerPort"


def peers(objects, _):
    """MQ_HOST and MQ_PORT, and an InfluxDB of the same set, are services with such a port."""
    services = {(one["metadata"]["name"], str(port["port"]))
                for one in of_kind(objects, "Service") for port in one["spec"]["ports"]}
    for one, _, where, env in containers(objects):
        wanted = {"MQ_HOST": (env.get("MQ_HOST"), env.get("MQ_PORT", "9000"))} if "MQ_HOST" in env else {}
        if url := re.fullmatch(r"https?://([a-z0-9-]+-influxdb):(\d+)", env.get("INFLUXDB_URL", "")):
            wanted["INFLUXDB_URL"] = url.groups()
        for variable, service in wanted.items():
            if service not in services:
                yield one, f"{where}.env.{variable}", f"there is no Service/{service[0]} with port {service[1]}"


def references(objects, declared):
    """Everything that is named exists, or is declared as the user's: ("Secret", name) and such."""
    names = [(one["kind"], one["metadata"]["name"]) for one in objects]
    for one in objects:
        if names.count((one["kind"], one["metadata"]["name"])) > 1:
            yield one, "metadata.name", "occurs twice"
        if one["kind"] == "Secret":
            yield one, "kind", "a Secret does not belong in the chart"
        for path, key, value in members(one.get("spec", {}), "spec"):
            if key in REFERENCES:
                value = {"name": value} if isinstance(value, str) else value
                kind = value.get("kind", REFERENCES[key])
                if (kind, value["name"]) not in declared["objects"] | set(names):
                    yield one, path, f"there is no {kind}/{value['name']}"
            if key == "secretKeyRef" and value["key"] not in declared["keys"]:
                yield one, path, f"the key {value['key']} is not declared"
    for one, container, where, _ in containers(objects):
        known = {volume["name"] for volume in pod(one).get("volumes", [])}
        known |= {template["metadata"]["name"] for template in one["spec"].get("volumeClaimTemplates", [])}
        for mount in container.get("volumeMounts", []):
            if mount["name"] not in known:
                yield one, f"{where}.volumeMounts", f"there is no volume {mount['name']}"


def variables(objects, declared):
    """Every variable is an option of the program, or is there for the value of another one."""
    for one, container, where, env in containers(objects):
        if program(container) not in PROGRAMS:
            # The variables of a database are not ours to know.
            if program(container) != "influxdb":
                yield one, f"{where}.image", f"{container['image']} is an unknown program"
            continue
        used, seen = {word for value in env.values() for word in re.findall(r"\$\((\w+)\)", value)}, set()
        for variable in container.get("env", []):
            field, value = f"{where}.env.{variable['name']}", variable.get("value", "")
            if variable["name"] not in declared["options"][program(container)] | used:
                yield one, field, f"is not an option of {program(container)}"
            if variable["name"] in seen:
                yield one, field, "is set twice"
            for word in set(re.findall(r"\$\((\w+)\)", value)) - seen:
                yield one, field, f"{word} is not set before it"
            if re.search(r"TOKEN|PASSWORD", variable["name"]) and "value" in variable:
                yield one, field, "a secret is a plain value"
            seen.add(variable["name"])


def restricted(objects, _):
    """What the security standard asks for, and what the scheduler and the kubelet need."""
    for one, container, where, _ in containers(objects):
        for prefix, value, table in (("spec.", pod(one), POD), (f"{where}.", container, CONTAINER)):
            for path, wanted in table.items():
                if at(value, path) != wanted:
                    yield one, prefix + path, f"is not {wanted}"
        if not at(pod(one), "securityContext.runAsUser"):
            yield one, "spec.securityContext.runAsUser", "may be root"
        if any(key == "hostPath" for _, key, _ in members(pod(one), "spec")):
            yield one, "volumes", "one is a path of the node"
        if not at(container, "resources.requests.cpu") or not at(container, "resources.limits.memory"):
            yield one, f"{where}.resources", "have no request of cpu or no limit of memory"
        if re.search(r"(:latest|/[^:]*)$", container["image"]):
            yield one, f"{where}.image", f"{container['image']} has no version"


def seconds(text):
    """A duration as the programs read it."""
    amount, unit = re.fullmatch(r"([0-9.]+)([a-z]*)", text).groups()
    return float(amount) * {"": 0, "us": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600, "d": 86400}[unit]


def size(text):
    """A size of Kubernetes (20Gi) or of the programs (20GiB), in bytes."""
    amount, unit = re.fullmatch(r"([0-9]+)([A-Za-z]*)", text).groups()
    return int(amount) * 1024 ** ("KMGT".index(unit[0]) + 1) if unit else int(amount)


def limits(objects, _):
    """A pod has longer to end than its program drains; the log deletes old segments before its volume is full."""
    for one, container, where, env in containers(objects):
        drain = seconds(env.get("DRAIN_TIMEOUT", "10s"))
        if program(container) in PROGRAMS and pod(one).get("terminationGracePeriodSeconds", 30) < drain + 5:
            yield one, "spec.terminationGracePeriodSeconds", f"is not longer than DRAIN_TIMEOUT ({drain:g} s) and 5 s"
        if program(container) == "mq-server":
            room = at(one, "spec.volumeClaimTemplates.0.spec.resources.requests.storage")
            kept = env.get("MQ_RETENTION_BYTES", "0")
            # Retention keeps up to a segment more, and never deletes the one that is written to.
            if kept == "0" or size(kept) + 2 * size(env.get("MQ_SEGMENT_BYTES", "256MiB")) > size(room):
                yield one, f"{where}.env.MQ_RETENTION_BYTES", f"{kept} does not keep the log in its volume of {room}"


def admits(rule):
    """Whether the rule of a network policy lets Prometheus in."""
    def is_prometheus(peer):
        pods = peer.get("podSelector", {})
        chosen = [each["operator"] == "In" and PROMETHEUS.get(each["key"]) in each["values"]
                  for each in pods.get("matchExpressions", [])]
        return "namespaceSelector" in peer and matches(pods.get("matchLabels", {}), PROMETHEUS) and all(chosen)

    return "from" not in rule or any(map(is_prometheus, rule["from"]))


def monitoring(objects, _):
    """A port that a ServiceMonitor scrapes exists, and network policies let Prometheus reach it."""
    for monitor in of_kind(objects, "ServiceMonitor"):
        port, wanted = monitor["spec"]["endpoints"][0]["port"], monitor["spec"]["selector"]["matchLabels"]
        services = [one for one in of_kind(objects, "Service")
                    if matches(wanted, one["metadata"]["labels"]) and at(one["spec"]["ports"], port)]
        if not services:
            yield monitor, "spec.endpoints.port", f"no service that it selects has a port {port}"
        scraped = [one for service in services for one in selected(service["spec"]["selector"], objects)]
        for policy in of_kind(objects, "NetworkPolicy"):
            rules = [rule for rule in policy["spec"].get("ingress", [])
                     if port in [each["port"] for each in rule.get("ports", [])]]
            if not any(map(admits, rules)):
                for one in selected(policy["spec"]["podSelector"], scraped):
                    yield policy, "spec.ingress", f"Prometheus cannot reach the port {port} of {name(one)}"


RULES = [selectors, autoscaling, ports, peers, references, variables, restricted, limits, monitoring]


def faults(objects, declared):
    return [f"{name(one)}: {field}: {what}" for rule in RULES for one, field, what in rule(objects, declared)]
