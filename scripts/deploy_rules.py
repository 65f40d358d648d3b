"""What must hold in a set of Kubernetes objects, beyond schemas. Each rule yields (object, field, what is wrong)."""
import re

PROGRAMS = ("mq-server", "streamer", "collector", "api")


def name(one):
    return f"{one['kind']}/{one['metadata'].get('name')}"


def of_kind(objects, *kinds):
    return [one for one in objects if one["kind"] in kinds]


def workloads(objects):
    return of_kind(objects, "Deployment", "StatefulSet", "DaemonSet")


def pod(workload):
    return workload["spec"]["template"]["spec"]


def labels(workload):
    return workload["spec"]["template"]["metadata"]["labels"]


def program(container):
    return re.sub(r":[^:/]*$", "", container["image"]).rsplit("/", 1)[-1]


def containers(objects):
    """Each container with its workload, what faults are called by, and its plain variables."""
    for one in workloads(objects):
        for container in pod(one)["containers"]:
            env = {variable["name"]: variable.get("value", "") for variable in container.get("env", [])}
            yield one, container, container["name"], env


def matches(selector, labels):
    return selector.items() <= labels.items()


def selected(selector, objects):
    return [one for one in workloads(objects) if matches(selector, labels(one))]


def port_names(workload):
    return {port["name"] for container in pod(workload)["containers"] for port in container.get("ports", [])}


def selectors(objects, _):
    for one in workloads(objects):
        chosen = selected(one["spec"]["selector"]["matchLabels"], objects)
        if one not in chosen:
            yield one, "spec.selector.matchLabels", "are not labels of its own pods"
        for other in chosen:
            if other is not one:
                yield one, "spec.selector.matchLabels", f"also match the pods of {name(other)}"
    for one in of_kind(objects, "Service", "PodDisruptionBudget", "NetworkPolicy"):
        field = "podSelector" if one["kind"] == "NetworkPolicy" else "selector"
        if not selected(one["spec"][field].get("matchLabels", one["spec"][field]), objects):
            yield one, f"spec.{field}", "no workload has pods with these labels"
    for one in of_kind(objects, "StatefulSet"):
        if one["spec"]["serviceName"] not in [other["metadata"]["name"] for other in of_kind(objects, "Service")]:
            yield one, "spec.serviceName", f"there is no Service/{one['spec']['serviceName']}"


def autoscaling(objects, _):
    for one in of_kind(objects, "HorizontalPodAutoscaler"):
        wanted = f"{one['spec']['scaleTargetRef']['kind']}/{one['spec']['scaleTargetRef']['name']}"
        targets = [other for other in workloads(objects) if name(other) == wanted]
        if not targets:
            yield one, "spec.scaleTargetRef", f"there is no {wanted}"
        for target, _, _, env in containers(targets):
            if "replicas" in target["spec"]:
                yield target, "spec.replicas", "every apply would undo the autoscaler's choice"
            if env.get("STORAGE") == "memory":
                yield one, "spec.metrics", f"{wanted} reads the log itself: each replica would cause the next"


def ports(objects, _):
    for one in of_kind(objects, "Service"):
        for port in one["spec"]["ports"]:
            for workload in selected(one["spec"]["selector"], objects):
                if port["targetPort"] not in port_names(workload):
                    yield one, f"spec.ports[{port['name']}].targetPort", f"is not a port of {name(workload)}"
    for one in of_kind(objects, "NetworkPolicy"):
        named = {port["port"] for rule in one["spec"].get("ingress", []) for port in rule.get("ports", [])}
        for workload in selected(one["spec"]["podSelector"]["matchLabels"], objects):
            for port in named - port_names(workload):
                yield one, "spec.ingress.ports", f"{name(workload)} has no port {port}"
    for one, container, at, env in containers(objects):
        numbers = {str(port["containerPort"]) for port in container.get("ports", [])}
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            if probe not in container:
                yield one, f"{at}.{probe}", "is missing"
            elif {container[probe]["httpGet"]["port"]} - port_names(one) if "httpGet" in container[probe] else None:
                yield one, f"{at}.{probe}.httpGet.port", "is not a port of the pod"
        for variable in ("TCP_PORT", "HTTP_PORT", "API_PORT"):
            if variable in env and env[variable] not in numbers:
                yield one, f"{at}.env.{variable}", f"{env[variable]} is not a containerPort"



def references(objects, declared):
    """Everything that is named exists, or is declared as the user's: ("Secret", name) and such."""
    present = {(one["kind"], one["metadata"]["name"]) for one in objects} | declared["objects"]
    sources = (("persistentVolumeClaim", "PersistentVolumeClaim", "claimName"), ("configMap", "ConfigMap", "name"),
               ("secret", "Secret", "secretName"))
    for one, container, at, _ in containers(objects):
        volumes = pod(one).get("volumes", [])
        named = [("spec.serviceAccountName", "ServiceAccount", pod(one).get("serviceAccountName"))]
        named += [(f"volumes[{volume['name']}]", kind, volume[field][key])
                  for volume in volumes for field, kind, key in sources if field in volume]
        for variable in container.get("env", []):
            for field, kind in (("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap")):
                if reference := variable.get("valueFrom", {}).get(field):
                    named.append((f"{at}.env.{variable['name']}", kind, reference["name"]))
                    if kind == "Secret" and reference["key"] not in declared["keys"]:
                        yield one, f"{at}.env.{variable['name']}", f"the key {reference['key']} is not declared"
        for field, kind, wanted in named:
            if (kind, wanted) not in present:
                yield one, field, f"there is no {kind}/{wanted}"
        known = {volume["name"] for volume in volumes}
        known |= {template["metadata"]["name"] for template in one["spec"].get("volumeClaimTemplates", [])}
        for mount in container.get("volumeMounts", []):
            if mount["name"] not in known:
                yield one, f"{at}.volumeMounts", f"there is no volume {mount['name']}"
    names = [name(one) for one in objects]
    for one in objects:
        if names.count(name(one)) > 1:
            yield one, "metadata.name", "occurs twice"
        if one["kind"] == "Secret":
            yield one, "kind", "a Secret does not belong in the chart"


def variables(objects, declared):
    """Every variable is an option of the program, or is there for the value of another one."""
    for one, container, at, env in containers(objects):
        if program(container) not in PROGRAMS:
            # The variables of a database are not ours to know.
            if program(container) != "influxdb":
                yield one, f"{at}.image", f"{container['image']} is an unknown program"
            continue
        used, seen = {word for value in env.values() for word in re.findall(r"\$\((\w+)\)", value)}, set()
        for variable in container.get("env", []):
            field, value = f"{at}.env.{variable['name']}", variable.get("value", "")
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
    """Pod security standard `restricted`, a read-only root, and what the scheduler and the kubelet need."""
    for one, container, at, _ in containers(objects):
        security = pod(one).get("securityContext", {})
        if security.get("runAsNonRoot") is not True or not security.get("runAsUser"):
            yield one, "spec.securityContext", "may run as root"
        if security.get("seccompProfile", {}).get("type") != "RuntimeDefault":
            yield one, "spec.securityContext.seccompProfile", "is not RuntimeDefault"
        if pod(one).get("automountServiceAccountToken") is not False:
            yield one, "spec.automountServiceAccountToken", "is not false"
        if any("hostPath" in volume for volume in pod(one).get("volumes", [])):
            yield one, "volumes", "one is a path of the node"
        wanted = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
        for field, value in wanted.items():
            if container.get("securityContext", {}).get(field) != value:
                yield one, f"{at}.securityContext.{field}", f"is not {value}"
        resources = container.get("resources", {})
        if not resources.get("requests", {}).get("cpu") or not resources.get("limits", {}).get("memory"):
            yield one, f"{at}.resources", "have no request of cpu or no limit of memory"
        if re.search(r"(:latest|/[^:]*)$", container["image"]):
            yield one, f"{at}.image", f"{container['image']} has no version"


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
    for one, container, at, env in containers(objects):
        drain = seconds(env.get("DRAIN_TIMEOUT", "10s"))
        if program(container) in PROGRAMS and pod(one).get("terminationGracePeriodSeconds", 30) < drain + 5:
            yield one, "spec.terminationGracePeriodSeconds", f"is not longer than DRAIN_TIMEOUT ({drain:g} s) and 5 s"
        if program(container) == "mq-server":
            room = one["spec"]["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"]
            kept = env.get("MQ_RETENTION_BYTES", "0")
            # Retention keeps up to a segment more, and never deletes the one that is written to.
            if kept == "0" or size(kept) + 2 * size(env.get("MQ_SEGMENT_BYTES", "256MiB")) > size(room):
                yield one, f"{at}.env.MQ_RETENTION_BYTES", f"{kept} does not keep the log within its volume of {room}"


def monitoring(objects, _):
    """A port that a ServiceMonitor scrapes exists, and network policies admit pods of other namespaces to it."""
    for monitor in of_kind(objects, "ServiceMonitor"):
        port, wanted = monitor["spec"]["endpoints"][0]["port"], monitor["spec"]["selector"]["matchLabels"]
        services = [one for one in of_kind(objects, "Service") if matches(wanted, one["metadata"]["labels"])
                    and port in [each["name"] for each in one["spec"]["ports"]]]
        if not services:
            yield monitor, "spec.endpoints.port", f"no service that it selects has a port {port}"
        scraped = [one for service in services for one in selected(service["spec"]["selector"], objects)]
        for policy in of_kind(objects, "NetworkPolicy"):
            rules = [rule for rule in policy["spec"].get("ingress", [])
                     if port in [each["port"] for each in rule.get("ports", [])]]
            admitted = [peer for rule in rules for peer in rule.get("from", [{"namespaceSelector": {}}])]
            for one in selected(policy["spec"]["podSelector"]["matchLabels"], scraped):
                if not any("namespaceSelector" in peer for peer in admitted):
                    yield policy, "spec.ingress", f"Prometheus cannot reach the port {port} of {name(one)}"


RULES = [selectors, autoscaling, ports, references, variables, restricted, limits, monitoring]


def faults(objects, declared):
    return [f"{name(one)}: {field}: {what}" for rule in RULES for one, field, what in rule(objects, declared)]
