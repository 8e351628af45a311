import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { afterEach, expect, test } from "vitest";
import { serveServices, type ControlPlane } from "./control-plane.ts";
import { createSts } from "./services/sts.ts";
import { openWorld, type OpenWorld } from "./world/world.ts";

let opened: OpenWorld;
let plane: ControlPlane;

afterEach(async () => {
  await plane.stop();
  await opened.close();
});

test("the unmodified SDK asks who it is", async () => {
  opened = await openWorld();
  plane = await serveServices(opened, [createSts(opened.world)]);
  const { AWS_REGION: region, ...env } = plane.environment();
  const sts = new STSClient({
    region: region!,
    endpoint: plane.endpoint,
    credentials: { accessKeyId: env["AWS_ACCESS_KEY_ID"]!, secretAccessKey: env["AWS_SECRET_ACCESS_KEY"]! },
  });
  const answer = await sts.send(new GetCallerIdentityCommand({}));
  expect(answer.Account).toBe("111122223333");
  sts.destroy();
});
