SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON := .run/python/bin/python3
BENCHES := bench-mq bench-ingest bench-pipeline bench-store bench-influx bench-http
.PHONY: help setup setup-tests build run clean test lint format docs tables check-consumer check-deploy coverage \
	faults fuzz mutants sanitize schemathesis $(BENCHES) manifests docker-build images-test \
	kind-setup kind-delete load-kind k8s-deploy k8s-delete k8s-status

help: ## Show this list
	@sed -nE -e 's/^##@ (.*)/\n\1/p' -e 's/^(## )?([a-zA-Z0-9-]+):( .*##)? ([A-Z].*)/  make \2|\4/p' \
		$(MAKEFILE_LIST) | column -t -s '|' -L | sed 's/ *$$//'

##@ Everyday
setup: ## Install what a build needs, if it is missing
	@scripts/setup.sh build

setup-tests: ## Install what the tests need, if it is missing
	@scripts/setup.sh build tests deploy helm swagger-ui

build: setup ## Build the four programs, optimised
	swift build -c release

run: ## Run the pipeline: CSV=path, INFLUXDB_URL=url
	@exec scripts/run.sh

test: setup-tests ## Build everything and run all tests
	@scripts/test.sh
	@$(PYTHON) scripts/check-deploy.py

lint: setup ## Check imports, the map and the format of files
	@scripts/imports.py
	@swift format lint --strict --parallel --recursive Package.swift Sources Tests

format: setup ## Format Swift files
	@swift format format --in-place --parallel --recursive Package.swift Sources Tests

docs: setup ## Render the guide and the libraries into .run/docs
	@scripts/setup.sh docs
	@scripts/guide.py render

clean: ## Remove what builds and runs leave
	rm -rf .build .build-consumer .build-fuzz .build-sanitize .run

tables: setup ## Generate the tables in Docs and the map of the sources
	@scripts/imports.py --map
	@UPDATE_DOCS=1 scripts/test.sh --filter 'ConfigurationGuideTests|FieldsGuideTests'

##@ Long checks
coverage: setup-tests ## Run all tests and report the lines that they reach
	@scripts/coverage.sh

faults: setup-tests ## Kill the queue, fail its device, damage its files
	@scripts/faults.sh

fuzz: setup ## Fuzz readers and codecs: TARGET=csv FUZZ_SECONDS=600
	@scripts/fuzz.sh

mutants: setup-tests ## Plant bugs, and show which test catches each
	@scripts/mutants.py

sanitize: setup-tests ## Run tests under the address and thread sanitizers
	@scripts/sanitize.sh

schemathesis: setup-tests ## Try the REST API by its OpenAPI document
	@SCHEMATHESIS_SECONDS=$${SCHEMATHESIS_SECONDS:-600} scripts/test.sh --filter SchemathesisTests

check-consumer: setup ## Build and run a program for each library alone
	@scripts/check-consumer.sh

## bench-NAME: Measure mq, ingest, pipeline, store, influx or http
$(BENCHES): bench-%: build
	@scripts/setup.sh $@
	@scripts/bench.py $*

##@ Deployment
check-deploy: ## Check chart, manifests, compose file and Dockerfile
	@scripts/setup.sh deploy helm
	@$(PYTHON) scripts/check-deploy.py

manifests: ## Render the chart into deploy/k8s
	@mkdir -p .run
	@scripts/manifests.sh >.run/manifests.yaml
	@mv .run/manifests.yaml deploy/k8s/gpu-telemetry.yaml

docker-build: ## Build the four images with Docker
	@scripts/kind.sh build

images-test: ## Build and test the images; as root, on Debian
	@scripts/images-test.sh

kind-setup: ## Create a kind cluster with everything in it: CSV=path
	@scripts/kind.sh setup

kind-delete: ## Delete that cluster
	@scripts/kind.sh delete

load-kind: ## Load the images into that cluster
	@scripts/kind.sh load

k8s-deploy: ## Apply the manifests to the cluster that kubectl uses
	@scripts/kind.sh deploy

k8s-delete: ## Delete what they created; claims and their data stay
	@scripts/kind.sh undeploy

k8s-status: ## Show pods, services and claims
	@scripts/kind.sh status
