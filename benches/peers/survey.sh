#!/bin/sh
# Installs the clients that benches/survey.rs compares with, and the grpcio of the tests, below target/peers:
# a Python environment with grpcio, grpcurl, and a grpc-go client. Needs python3 and go; takes two minutes.
set -eu
cd "$(dirname "$0")/../.."
peers=$PWD/target/peers
mkdir -p "$peers/python"

[ -x "$peers/venv/bin/python" ] || python3 -m venv "$peers/venv"
"$peers/venv/bin/pip" install --quiet grpcio==1.76.0 grpcio-tools==1.76.0
"$peers/venv/bin/python" -m grpc_tools.protoc -I proto --python_out="$peers/python" \
    --grpc_python_out="$peers/python" proto/profile.proto

export GOBIN="$peers/bin"
go install github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3
go install google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.10
go install google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.5.1

# The generated code belongs to the build, not to the sources.
mkdir -p "$peers/go/lab"
cp benches/peers/survey-go/main.go benches/peers/survey-go/go.mod "$peers/go/"
PATH="$GOBIN:$PATH" "$peers/venv/bin/python" -m grpc_tools.protoc -I proto \
    --go_out="$peers/go/lab" --go_opt=paths=source_relative,Mprofile.proto=survey/lab \
    --go-grpc_out="$peers/go/lab" --go-grpc_opt=paths=source_relative,Mprofile.proto=survey/lab \
    proto/profile.proto
cd "$peers/go"
go mod tidy
go build -o "$peers/bin/survey-go" .
