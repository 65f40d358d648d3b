SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup setup-tests build run test faults fuzz mutants sanitize check-consumer schemathesis bench-mq bench-ingest bench-pipeline coverage clean bench-store bench-influx bench-http docs tables format lint check-deploy manifests docker-build images-test kind-setup kind-delete load-kind k8s-deploy k8s-delete k8s-status

help: ## List the targets
	@echo "Targets:"
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## (.*)/  make \1|\2/' | column -t -s '|'
	@echo
	@echo "make run CSV=path          reads another export"
	@echo "make run INFLUXDB_URL=url  stores in InfluxDB, through a collector"

setup: ## Install what a build needs, if it is missing
	@scripts/setup.sh build

setup-tests: ## Install what the tests need, if it is missing
	@scripts/setup.sh build tests
	@scripts/setup-python.sh deploy tests
	@scripts/setup-helm.sh
	@scripts/fetch-swagger-ui.sh

build: setup ## Build the four programs, optimised
	swift build -c release

run: ## Run the whole pipeline on the sample; Ctrl-C ends it
	@exec scripts/run.sh

test: setup-tests ## Build everything and run all tests
	@scripts/test.sh
	@.run/python/bin/python3 scripts/check-deploy.py

faults: setup-tests ## Kill the queue, fail its device, damage its files: hundreds of rounds
	@scripts/faults.sh

fuzz: setup ## Search for inputs that break readers and codecs: TARGET=csv FUZZ_SECONDS=600
	@scripts/fuzz.sh

mutants: setup-tests ## Plant one bug after the other, and show which test detects it
	@scripts/mutants.py

sanitize: setup-tests ## Run the tests of the queue, the memory store and the collector under the sanitizers
	@scripts/sanitize.sh

schemathesis: build ## Test the REST API against its own OpenAPI document for ten minutes
	@scripts/setup.sh schemathesis
	@scripts/setup-python.sh schemathesis
	@scripts/schemathesis.sh

check-consumer: setup ## Build and run a package that imports only TelemetryMQ
	@scripts/check-consumer.sh

bench-mq: build ## Measure the queue, compared with Redis, JetStream and bare loops
	@scripts/setup.sh bench-mq
	@scripts/setup-python.sh bench-mq
	@scripts/bench-mq.py

bench-ingest: build ## Measure CSV reading and batch coding, compared with pyarrow, polars, duckdb and Foundation
	@scripts/setup.sh bench-ingest
	@scripts/setup-python.sh bench-ingest
	@scripts/bench-ingest.py

bench-pipeline: build ## Measure the whole pipeline, file to REST, for 30 s
	@scripts/bench-pipeline.py

bench-store: build ## Measure the memory store: inserting, memory, queries
	@scripts/bench-store.py

bench-influx: build ## Measure the writing of the collector, compared with curl, into the same InfluxDB
	@scripts/setup.sh bench-influx
	@scripts/bench-influx.py

bench-http: build ## Measure the HTTP server of the gateway, compared with nginx, Python and Node
	@scripts/setup.sh bench-http
	@scripts/bench-http.py

docs: setup ## Render the guide and the API reference of both libraries into .run/docs, and check them
	@scripts/setup.sh docs
	@scripts/docs.sh

tables: setup ## Generate the tables of options and fields in Docs
	@UPDATE_DOCS=1 scripts/test.sh --filter 'ConfigurationGuideTests|FieldsGuideTests'

format: setup ## Format Swift files as .swift-format defines
	@scripts/format.sh format

lint: setup ## Check the format of Swift files against .swift-format
	@scripts/format.sh lint

check-deploy: ## Check chart, manifests, compose file and Dockerfile, offline
	@scripts/setup-python.sh deploy
	@scripts/setup-helm.sh
	@.run/python/bin/python3 scripts/check-deploy.py

manifests: ## Render the chart into deploy/k8s
	@scripts/manifests.sh

docker-build: ## Build the four images with Docker
	@scripts/kind.sh build

images-test: ## Build the images without Docker or a registry, and follow a sample through them; as root, on Debian
	@scripts/images-test.sh

kind-setup: ## Create a cluster with kind, build and load the images, copy the CSV (CSV=path), deploy
	@scripts/kind.sh setup

kind-delete: ## Delete that cluster
	@scripts/kind.sh delete

load-kind: ## Load the images into that cluster
	@scripts/kind.sh load

k8s-deploy: ## Apply the plain manifests to the current cluster of kubectl
	@scripts/kind.sh deploy

k8s-delete: ## Delete what they created; claims and their data stay
	@scripts/kind.sh undeploy

k8s-status: ## Show pods, services, claims
	@scripts/kind.sh status

coverage: setup-tests ## Run all tests with coverage; the lines are in .run/coverage
	@scripts/coverage.sh

clean: ## Remove build products and files of runs
	rm -rf .build .build-consumer .build-fuzz .build-sanitize .run
