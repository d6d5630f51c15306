"""A lab.Profile server by somebody who has never seen labrpc, only its proto file."""

import sys
from concurrent import futures

import grpc
import profile_pb2
import profile_pb2_grpc


class Profile(profile_pb2_grpc.ProfileServicer):
    def __init__(self, id, height, weight, size):
        self.response = profile_pb2.GetProfileResponse(
            id=id, height_cm=float(height), weight_kg=float(weight), size=int(size)
        )

    def GetProfile(self, request, context):
        return self.response


server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
profile_pb2_grpc.add_ProfileServicer_to_server(Profile(*sys.argv[1:5]), server)
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(f"listening on 127.0.0.1:{port}", file=sys.stderr, flush=True)
server.wait_for_termination()
