// The services of inventory.proto and of grpcurl's test.proto on Node's grpc-js, with reflection v1 only, and without
// a health service: inventory_server.cjs FOLDER, where test.proto is.
"use strict";

const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");
const { ReflectionService } = require("@grpc/reflection");

const definition = loader.loadSync(["inventory.proto", "test.proto"], {
  includeDirs: [__dirname, process.argv[2]],
  keepCase: true,
  longs: String,
});
const services = grpc.loadPackageDefinition(definition);

const server = new grpc.Server();
server.addService(services.inventory.v1.Inventory.service, {
  Describe: (call, respond) =>
    respond(null, { machine: call.request, server: "node" }),
});
server.addService(services.testing.TestService.service, {
  UnaryCall: (call, respond) =>
    respond(null, { payload: call.request.payload }),
});
// The package registers v1 and v1alpha; this keeps v1.
new ReflectionService(definition).addToServer({
  addService(service, implementation) {
    if (Object.values(service)[0].path.startsWith("/grpc.reflection.v1.")) {
      server.addService(service, implementation);
    }
  },
});
const address = "127.0.0.1:0";
server.bindAsync(address, grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  console.error(`listening on 127.0.0.1:${port}`);
});
