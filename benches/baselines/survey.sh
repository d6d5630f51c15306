#!/bin/sh
# Installs what benches/survey.rs compares with, and the grpcio of the tests, below target/baselines: a Python
# environment with grpcio, grpcurl, and the grpc-go client. Needs python3 and go; takes a minute or two.
set -eu
cd "$(dirname "$0")/../.."
baselines=$PWD/target/baselines
mkdir -p "$baselines/python" "$baselines/bin"

[ -x "$baselines/venv/bin/python" ] || python3 -m venv "$baselines/venv"
"$baselines/venv/bin/pip" install --quiet grpcio==1.76.0 grpcio-tools==1.76.0
"$baselines/venv/bin/python" -m grpc_tools.protoc -I proto --python_out="$baselines/python" \
    --grpc_python_out="$baselines/python" proto/profile.proto

GOBIN="$baselines/bin" go install github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3
cd benches/baselines/grpc-go
go build -o "$baselines/bin/survey-go" ./survey
