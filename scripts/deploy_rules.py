"""What must be so in a set of Kubernetes objects, beyond their schemas. Each rule yields faults: (object, field, what is wrong)."""
import re

WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")
PROGRAMS = ("mq-server", "streamer", "collector", "api")
# The image of a database is not ours to know the variables of.
FOREIGN = ("influxdb",)


def name(one):
    return f"{one['kind']}/{one['metadata'].get('name')}"


def workloads(objects):
    return [one for one in objects if one["kind"] in WORKLOADS]


def pod(workload):
    return workload["spec"]["template"]["spec"]


def program(container):
    return re.sub(r":[^:/]*$", "", container["image"]).rsplit("/", 1)[-1]


def matches(selector, labels):
    return all(labels.get(key) == value for key, value in selector.items())


def selected(selector, objects):
    return [one for one in workloads(objects) if matches(selector, one["spec"]["template"]["metadata"]["labels"])]


def port_names(workload):
    return {port["name"] for container in pod(workload)["containers"] for port in container.get("ports", [])}


def of_kind(objects, kind):
    return [one for one in objects if one["kind"] == kind]


def selectors(objects, _):
    for one in workloads(objects):
        if not matches(one["spec"]["selector"]["matchLabels"], one["spec"]["template"]["metadata"]["labels"]):
            yield one, "spec.selector.matchLabels", "are not labels of its own pods"
        for other in workloads(objects):
            if other is not one and matches(one["spec"]["selector"]["matchLabels"], other["spec"]["template"]["metadata"]["labels"]):
                yield one, "spec.selector.matchLabels", f"are labels of the pods of {name(other)} too"
    for one in objects:
        field = {"Service": "selector", "PodDisruptionBudget": "selector", "NetworkPolicy": "podSelector"}.get(one["kind"])
        if field:
            selector = one["spec"][field] if one["kind"] == "Service" else one["spec"][field]["matchLabels"]
            if not selected(selector, objects):
                yield one, f"spec.{field}", "no workload has pods with these labels"
    for one in of_kind(objects, "HorizontalPodAutoscaler"):
        target = one["spec"]["scaleTargetRef"]
        found = [other for other in workloads(objects) if name(other) == f"{target['kind']}/{target['name']}"]
        if not found:
            yield one, "spec.scaleTargetRef", f"there is no {target['kind']}/{target['name']}"
        elif "replicas" in found[0]["spec"]:
            yield found[0], "spec.replicas", "every apply would undo what the autoscaler has chosen"
    for one in of_kind(objects, "StatefulSet"):
        if one["spec"]["serviceName"] not in [other["metadata"]["name"] for other in of_kind(objects, "Service")]:
            yield one, "spec.serviceName", f"there is no Service/{one['spec']['serviceName']}"


def ports(objects, _):
    for one in of_kind(objects, "Service"):
        for port in one["spec"]["ports"]:
            for workload in selected(one["spec"]["selector"], objects):
                if port["targetPort"] not in port_names(workload):
                    yield one, f"spec.ports[{port['name']}].targetPort", f"{name(workload)} has no port {port['targetPort']}"
    for one in of_kind(objects, "NetworkPolicy"):
        for rule in one["spec"].get("ingress", []):
            for port in rule.get("ports", []):
                for workload in selected(one["spec"]["podSelector"]["matchLabels"], objects):
                    if port["port"] not in port_names(workload):
                        yield one, "spec.ingress.ports", f"{name(workload)} has no port {port['port']}"
    for one in of_kind(objects, "ServiceMonitor"):
        found = [s for s in of_kind(objects, "Service") if matches(one["spec"]["selector"]["matchLabels"], s["metadata"]["labels"])]
        for endpoint in one["spec"]["endpoints"]:
            if not any(endpoint["port"] == port["name"] for service in found for port in service["spec"]["ports"]):
                yield one, "spec.endpoints.port", f"no service that it selects has a port {endpoint['port']}"
    for one in workloads(objects):
        for container in pod(one)["containers"]:
            numbers = {str(port["containerPort"]) for port in container.get("ports", [])}
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                port = container.get(probe, {}).get("httpGet", {}).get("port")
                if port is not None and port not in port_names(one):
                    yield one, f"{container['name']}.{probe}.httpGet.port", f"there is no port {port}"
            for variable in container.get("env", []):
                if variable["name"] in ("TCP_PORT", "HTTP_PORT", "API_PORT") and variable.get("value") not in numbers:
                    yield one, f"{container['name']}.env.{variable['name']}", f"{variable.get('value')} is no containerPort"


def peers(objects, _):
    """MQ_HOST and MQ_PORT, and an InfluxDB of the same set, are services with such a port."""
    services = {one["metadata"]["name"]: {str(port["port"]) for port in one["spec"]["ports"]} for one in of_kind(objects, "Service")}
    for one in workloads(objects):
        for container in pod(one)["containers"]:
            env = {variable["name"]: variable.get("value", "") for variable in container.get("env", [])}
            wanted = [("MQ_HOST", env["MQ_HOST"], env.get("MQ_PORT", "9000"))] if "MQ_HOST" in env else []
            url = re.fullmatch(r"https?://([a-z0-9-]+-influxdb):(\d+)", env.get("INFLUXDB_URL", ""))
            wanted += [("INFLUXDB_URL", *url.groups())] if url else []
            for variable, host, port in wanted:
                if port not in services.get(host, ()):
                    yield one, f"{container['name']}.env.{variable}", f"there is no Service/{host} with port {port}"


def references(objects, declared):
    """Everything named exists, or is declared as the user's: {("Secret", name), ("PersistentVolumeClaim", name)}."""
    there = {(one["kind"], one["metadata"]["name"]) for one in objects} | declared["objects"]
    for one in workloads(objects):
        spec = pod(one)
        named = [("spec.serviceAccountName", "ServiceAccount", spec.get("serviceAccountName"))]
        volumes = {template["metadata"]["name"] for template in one["spec"].get("volumeClaimTemplates", [])}
        for volume in spec.get("volumes", []):
            volumes.add(volume["name"])
            for field, kind, key in (("persistentVolumeClaim", "PersistentVolumeClaim", "claimName"), ("configMap", "ConfigMap", "name"),
                                     ("secret", "Secret", "secretName")):
                if field in volume:
                    named.append((f"volumes[{volume['name']}]", kind, volume[field][key]))
        for container in spec["containers"]:
            for variable in container.get("env", []):
                for field, kind in (("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap")):
                    reference = variable.get("valueFrom", {}).get(field)
                    if reference:
                        named.append((f"{container['name']}.env.{variable['name']}", kind, reference["name"]))
                        if kind == "Secret" and reference["key"] not in declared["keys"]:
                            yield one, f"{container['name']}.env.{variable['name']}", f"the key {reference['key']} is declared nowhere"
            for mount in container.get("volumeMounts", []):
                if mount["name"] not in volumes:
                    yield one, f"{container['name']}.volumeMounts", f"there is no volume {mount['name']}"
        for field, kind, wanted in named:
            if (kind, wanted) not in there:
                yield one, field, f"there is no {kind}/{wanted}"
    names = [name(one) for one in objects]
    for one in objects:
        if names.count(name(one)) > 1:
            yield one, "metadata.name", "is there twice"
        if one["kind"] == "Secret":
            yield one, "kind", "a Secret does not belong in the chart"


def variables(objects, declared):
    """Every variable of a program of ours is an option of it, or is there for another one's value."""
    for one in workloads(objects):
        for container in pod(one)["containers"]:
            if program(container) not in PROGRAMS:
                if program(container) not in FOREIGN:
                    yield one, f"{container['name']}.image", f"{container['image']} is an unknown program"
                continue
            seen = set()
            env = container.get("env", [])
            used = {used for variable in env for used in re.findall(r"\$\((\w+)\)", variable.get("value", ""))}
            for variable in env:
                if variable["name"] not in declared["options"][program(container)] | used:
                    yield one, f"{container['name']}.env.{variable['name']}", f"is no option of {program(container)}"
                if variable["name"] in seen:
                    yield one, f"{container['name']}.env.{variable['name']}", "is set twice"
                for used_here in re.findall(r"\$\((\w+)\)", variable.get("value", "")):
                    if used_here not in seen:
                        yield one, f"{container['name']}.env.{variable['name']}", f"{used_here} is not set before it"
                if re.search(r"TOKEN|PASSWORD", variable["name"]) and "value" in variable:
                    yield one, f"{container['name']}.env.{variable['name']}", "a secret is a plain value"
                seen.add(variable["name"])


def restricted(objects, _):
    """Pod security standard `restricted`, a read-only root, and what lets the scheduler and the kubelet do their work."""
    for one in workloads(objects):
        spec = pod(one)
        if spec.get("automountServiceAccountToken") is not False:
            yield one, "spec.automountServiceAccountToken", "is not false"
        security = spec.get("securityContext", {})
        if security.get("runAsNonRoot") is not True or not security.get("runAsUser"):
            yield one, "spec.securityContext", "may run as root"
        if security.get("seccompProfile", {}).get("type") != "RuntimeDefault":
            yield one, "spec.securityContext.seccompProfile", "is not RuntimeDefault"
        for volume in spec.get("volumes", []):
            if "hostPath" in volume:
                yield one, f"volumes[{volume['name']}]", "is a path of the node"
        for container in spec["containers"]:
            security = container.get("securityContext", {})
            for field, wanted in (("allowPrivilegeEscalation", False), ("readOnlyRootFilesystem", True), ("capabilities", {"drop": ["ALL"]})):
                if security.get(field) != wanted:
                    yield one, f"{container['name']}.securityContext.{field}", f"is not {wanted}"
            resources = container.get("resources", {})
            if not resources.get("requests", {}).get("cpu") or not resources.get("limits", {}).get("memory"):
                yield one, f"{container['name']}.resources", "has no request of cpu or no limit of memory"
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                if probe not in container:
                    yield one, f"{container['name']}.{probe}", "is missing"
            if re.search(r"(:latest|/[^:]*)$", container["image"]):
                yield one, f"{container['name']}.image", f"{container['image']} names no version"


def seconds(text):
    """A duration as the programs read it."""
    amount, unit = re.fullmatch(r"([0-9.]+)([a-z]*)", text).groups()
    return float(amount) * {"": 0, "us": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600, "d": 86400}[unit]


def size(text):
    """A size of Kubernetes (20Gi) or of the programs (20GiB), in bytes."""
    amount, unit = re.fullmatch(r"([0-9]+)([A-Za-z]*)", text).groups()
    return int(amount) * 1024 ** ("KMGT".index(unit[0]) + 1) if unit else int(amount)


def endings(objects, _):
    """A pod has longer to end than its program drains."""
    for one in workloads(objects):
        for container in pod(one)["containers"]:
            if program(container) in PROGRAMS:
                env = {variable["name"]: variable.get("value", "") for variable in container.get("env", [])}
                drain = seconds(env.get("DRAIN_TIMEOUT", "10s"))
                if pod(one).get("terminationGracePeriodSeconds", 30) < drain + 5:
                    yield one, "spec.terminationGracePeriodSeconds", f"is not longer than DRAIN_TIMEOUT ({drain:g} s) and the rest of the end"


def volumes(objects, _):
    """The log deletes old segments before its volume is full."""
    for one in workloads(objects):
        claims = {claim["metadata"]["name"]: claim["spec"]["resources"]["requests"]["storage"] for claim in one["spec"].get("volumeClaimTemplates", [])}
        for container in pod(one)["containers"]:
            if program(container) == "mq-server":
                env = {variable["name"]: variable.get("value", "") for variable in container.get("env", [])}
                kept, room = env.get("MQ_RETENTION_BYTES", "0"), claims["log"]
                # Retention keeps up to a segment more, and never deletes the one that is written to.
                if kept == "0" or size(kept) + 2 * size(env.get("MQ_SEGMENT_BYTES", "256MiB")) > size(room):
                    yield one, f"{container['name']}.env.MQ_RETENTION_BYTES", f"{kept} does not keep the log within its volume of {room}"


# What the pods of Prometheus' operator have, in a namespace of their own.
PROMETHEUS = {"app.kubernetes.io/name": "prometheus", "app.kubernetes.io/instance": "k8s"}


def admits(rule):
    def names(peer):
        selector = peer.get("podSelector", {})
        wanted = [expression["operator"] == "In" and PROMETHEUS.get(expression["key"]) in expression["values"]
                  for expression in selector.get("matchExpressions", [])]
        return "namespaceSelector" in peer and matches(selector.get("matchLabels", {}), PROMETHEUS) and all(wanted)
    return "from" not in rule or any(names(peer) for peer in rule["from"])


def monitored(objects, _):
    """Whom a ServiceMonitor has scraped, the network policies let Prometheus reach."""
    for monitor in of_kind(objects, "ServiceMonitor"):
        port = monitor["spec"]["endpoints"][0]["port"]
        for service in of_kind(objects, "Service"):
            if not matches(monitor["spec"]["selector"]["matchLabels"], service["metadata"]["labels"]) or port not in [p["name"] for p in service["spec"]["ports"]]:
                continue
            for one in selected(service["spec"]["selector"], objects):
                for policy in of_kind(objects, "NetworkPolicy"):
                    if one in selected(policy["spec"]["podSelector"]["matchLabels"], objects):
                        rules = [rule for rule in policy["spec"].get("ingress", []) if port in [p["port"] for p in rule.get("ports", [])]]
                        if not any(admits(rule) for rule in rules):
                            yield policy, "spec.ingress", f"Prometheus cannot reach the port {port} of {name(one)}"


def autoscaled(objects, _):
    """A replica that reads the whole log is CPU load itself."""
    for one in of_kind(objects, "HorizontalPodAutoscaler"):
        for target in workloads(objects):
            if target["metadata"]["name"] == one["spec"]["scaleTargetRef"]["name"]:
                env = {variable["name"]: variable.get("value") for variable in pod(target)["containers"][0].get("env", [])}
                if env.get("STORAGE") == "memory":
                    yield one, "spec.metrics", f"{name(target)} reads the log itself: each replica would call for the next"


RULES = [selectors, ports, peers, references, variables, restricted, endings, volumes, monitored, autoscaled]


def faults(objects, declared):
    return [f"{name(one)}: {field}: {what}" for rule in RULES for one, field, what in rule(objects, declared)]
