import type { Decision, Rights } from "./api.ts";
import type { Clients } from "./clients.ts";
import { paged } from "./elb.ts";
import type { Send } from "./send.ts";

/** `Rights` over the SDK: SimulatePrincipalPolicy evaluates policies and calls nothing. */
export function rightsOver(clients: Clients, send: Send): Rights {
  return {
    decide: ({ principal, actions, resources, context }, call) =>
      paged((Marker) =>
        send({ action: "iam:SimulatePrincipalPolicy", writes: false }, call, async (abortSignal) => {
          const { client, sdk } = await clients.rights();
          const command = new sdk.SimulatePrincipalPolicyCommand({
            PolicySourceArn: principal,
            ActionNames: [...actions],
            ResourceArns: [...resources],
            ContextEntries: Object.entries(context).map(([ContextKeyName, value]) => ({
              ContextKeyName,
              ContextKeyType: "string",
              ContextKeyValues: [value],
            })),
            Marker,
          });
          const came = await client.send(command, { abortSignal });
          const items = (came.EvaluationResults ?? []).map((result): Decision => ({
            action: result.EvalActionName ?? "",
            resource: result.EvalResourceName ?? "*",
            is: result.EvalDecision === "allowed" ? "allowed" : "denied",
            missing: result.MissingContextValues ?? [],
          }));
          return { items, next: came.IsTruncated === true ? came.Marker : undefined };
        }),
      ),
  };
}
