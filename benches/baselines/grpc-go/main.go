// The same service in grpc-go, with nothing set, as a peer for benches/server.rs.
//
// lab/ is what protoc-gen-go and protoc-gen-go-grpc make of proto/profile.proto.
package main

import (
	"context"
	"log"
	"net"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"labrpc/peer/lab"
)

type owner struct {
	lab.UnimplementedProfileServer
}

func (owner) GetProfile(context.Context, *lab.GetProfileRequest) (*lab.GetProfileResponse, error) {
	return &lab.GetProfileResponse{
		Id:       "1527406014",
		HeightCm: proto.Float64(178),
		WeightKg: proto.Float64(60),
		Size:     lab.GetProfileResponse_XXL,
	}, nil
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("grpc-go ADDRESS")
	}
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer()
	lab.RegisterProfileServer(server, owner{})
	log.Fatal(server.Serve(listener))
}
