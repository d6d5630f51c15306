"""The services of inventory.proto and of grpcurl's test.proto on Python's grpcio, with reflection v1alpha only.

Its health service calls the whole server healthy, and the service "inventory.v1.Inventory" not.
"""

import sys
from concurrent import futures

import grpc
import inventory_pb2
import inventory_pb2_grpc
import test_pb2
import test_pb2_grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection


class Inventory(inventory_pb2_grpc.InventoryServicer):
    def Describe(self, request, context):
        return inventory_pb2.Description(machine=request, server="python")


class Test(test_pb2_grpc.TestServiceServicer):
    def UnaryCall(self, request, context):
        return test_pb2.SimpleResponse(payload=request.payload)


server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
inventory_pb2_grpc.add_InventoryServicer_to_server(Inventory(), server)
test_pb2_grpc.add_TestServiceServicer_to_server(Test(), server)
names = [
    inventory_pb2.DESCRIPTOR.services_by_name["Inventory"].full_name,
    test_pb2.DESCRIPTOR.services_by_name["TestService"].full_name,
]
status = health.HealthServicer()
status.set("", health_pb2.HealthCheckResponse.SERVING)
status.set(names[0], health_pb2.HealthCheckResponse.NOT_SERVING)
health_pb2_grpc.add_HealthServicer_to_server(status, server)
reflection.enable_server_reflection([*names, reflection.SERVICE_NAME], server)
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(f"listening on 127.0.0.1:{port}", file=sys.stderr, flush=True)
server.wait_for_termination()
