#!/bin/sh
# Installs what benches/survey.rs compares with, and the grpcio of the tests, below target/peers: a Python
# environment with grpcio, grpcurl, and the grpc-go client. Needs python3 and go; takes a minute or two.
set -eu
cd "$(dirname "$0")/../.."
peers=$PWD/target/peers
mkdir -p "$peers/python" "$peers/bin"

[ -x "$peers/venv/bin/python" ] || python3 -m venv "$peers/venv"
"$peers/venv/bin/pip" install --quiet grpcio==1.76.0 grpcio-tools==1.76.0
"$peers/venv/bin/python" -m grpc_tools.protoc -I proto --python_out="$peers/python" \
    --grpc_python_out="$peers/python" proto/profile.proto

GOBIN="$peers/bin" go install github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3
cd benches/peers/grpc-go
go build -o "$peers/bin/survey-go" ./survey
