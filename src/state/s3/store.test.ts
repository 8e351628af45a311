import { createS3 } from "../../../test/aws-sim/services/s3.ts";
import { smallWorld } from "../../../test/aws-sim/small-world.ts";
import { s3Faults } from "../../../test/contract/s3-faults.ts";
import { s3StoreTests } from "../../../test/contract/s3-store.ts";
import { storeContract } from "../../../test/contract/store.ts";

const on = s3StoreTests(async () => {
  const world = await smallWorld((each) => [createS3(each).service]);
  const { endpoint } = world.plane;
  return { endpoint, environment: world.plane.environment(), stop: () => world.stop() };
});

storeContract("s3 on the simulator", async () => ({
  store: on.store,
  another: () => on.open(),
  dispose: async () => undefined,
}));

s3Faults(on);
