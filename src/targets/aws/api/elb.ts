import type { Answer, CallBy, Elb } from "./api.ts";
import type { Clients } from "./clients.ts";
import type { Send } from "./send.ts";

/** DescribeTags takes so many at once (API reference). */
const TAGS_AT_ONCE = 20;

/** `Elb` over the SDK; every page of a list is a call of its own. */
export function elbOver(clients: Clients, send: Send): Elb {
  const read = <T>(
    operation: string,
    call: CallBy,
    attempt: (client: Client, signal: AbortSignal) => Promise<T>,
  ) => send({ action: action(operation), writes: false }, call, (s) => with_(clients, call, s, attempt));
  const write = <T>(
    operation: string,
    call: CallBy,
    attempt: (client: Client, signal: AbortSignal) => Promise<T>,
  ) => send({ action: action(operation), writes: true }, call, (s) => with_(clients, call, s, attempt));
  return {
    loadBalancers: ({ names, arns }, call) =>
      paged((Marker) =>
        read("DescribeLoadBalancers", call, async ({ client, sdk }, abortSignal) => {
          const input = { ...(names && { Names: names }), ...(arns && { LoadBalancerArns: arns }), Marker };
          const came = await client.send(new sdk.DescribeLoadBalancersCommand(input), { abortSignal });
          return { items: came.LoadBalancers ?? [], next: came.NextMarker };
        }),
      ),
    listeners: (by, call) =>
      paged((Marker) =>
        read("DescribeListeners", call, async ({ client, sdk }, abortSignal) => {
          const which = "arns" in by ? { ListenerArns: by.arns } : { LoadBalancerArn: by.loadBalancer };
          const input = { ...which, Marker };
          const came = await client.send(new sdk.DescribeListenersCommand(input), { abortSignal });
          return { items: came.Listeners ?? [], next: came.NextMarker };
        }),
      ),
    rules: (by, call) =>
      paged((Marker) =>
        read("DescribeRules", call, async ({ client, sdk }, abortSignal) => {
          const which = "arns" in by ? { RuleArns: by.arns } : { ListenerArn: by.listener };
          const came = await client.send(new sdk.DescribeRulesCommand({ ...which, Marker }), { abortSignal });
          return { items: came.Rules ?? [], next: came.NextMarker };
        }),
      ),
    targetGroups: ({ names, arns }, call) =>
      paged((Marker) =>
        read("DescribeTargetGroups", call, async ({ client, sdk }, abortSignal) => {
          const input = { ...(names && { Names: names }), ...(arns && { TargetGroupArns: arns }), Marker };
          const came = await client.send(new sdk.DescribeTargetGroupsCommand(input), { abortSignal });
          return { items: came.TargetGroups ?? [], next: came.NextMarker };
        }),
      ),
    targetGroupAttributes: (arn, call) =>
      read("DescribeTargetGroupAttributes", call, async ({ client, sdk }, abortSignal) => {
        const command = new sdk.DescribeTargetGroupAttributesCommand({ TargetGroupArn: arn });
        const { Attributes = [] } = await client.send(command, { abortSignal });
        return new Map(Attributes.map(({ Key = "", Value = "" }) => [Key, Value]));
      }),
    targetHealth: (targetGroup, call) =>
      read("DescribeTargetHealth", call, async ({ client, sdk }, abortSignal) => {
        const command = new sdk.DescribeTargetHealthCommand({ TargetGroupArn: targetGroup });
        return (await client.send(command, { abortSignal })).TargetHealthDescriptions ?? [];
      }),
    tags: async (arns, call) => {
      const all = new Map<string, ReadonlyMap<string, string>>();
      for (let from = 0; from < arns.length; from += TAGS_AT_ONCE) {
        const some = arns.slice(from, from + TAGS_AT_ONCE);
        const came = await read("DescribeTags", call, async ({ client, sdk }, abortSignal) => {
          const answer = await client.send(new sdk.DescribeTagsCommand({ ResourceArns: some }), {
            abortSignal,
          });
          return answer.TagDescriptions ?? [];
        });
        if (came.is === "failed") return came;
        for (const { ResourceArn = "", Tags = [] } of came.value)
          all.set(ResourceArn, new Map(Tags.map(({ Key = "", Value = "" }) => [Key, Value])));
      }
      return { is: "ok", value: all };
    },
    modifyRule: (rule, actions, call) =>
      write("ModifyRule", call, async ({ client, sdk }, abortSignal) => {
        const command = new sdk.ModifyRuleCommand({ RuleArn: rule, Actions: actions });
        return one((await client.send(command, { abortSignal })).Rules);
      }),
    modifyListener: (listener, actions, call) =>
      write("ModifyListener", call, async ({ client, sdk }, abortSignal) => {
        const command = new sdk.ModifyListenerCommand({ ListenerArn: listener, DefaultActions: actions });
        return one((await client.send(command, { abortSignal })).Listeners);
      }),
    createRule: ({ listener, priority, conditions, actions, tags }, call) =>
      write("CreateRule", call, async ({ client, sdk }, abortSignal) => {
        const command = new sdk.CreateRuleCommand({
          ListenerArn: listener,
          Priority: priority,
          Conditions: conditions,
          Actions: actions,
          Tags: tags,
        });
        return one((await client.send(command, { abortSignal })).Rules);
      }),
    deleteRule: (rule, call) =>
      write("DeleteRule", call, async ({ client, sdk }, abortSignal) => {
        await client.send(new sdk.DeleteRuleCommand({ RuleArn: rule }), { abortSignal });
      }),
    addTags: (arns, tags, call) =>
      write("AddTags", call, async ({ client, sdk }, abortSignal) => {
        const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
        await client.send(new sdk.AddTagsCommand({ ResourceArns: arns, Tags }), { abortSignal });
      }),
  };
}

type Client = Awaited<ReturnType<Clients["elb"]>>;

function action(operation: string): string {
  return `elasticloadbalancing:${operation}`;
}

async function with_<T>(
  clients: Clients,
  { purse }: CallBy,
  signal: AbortSignal,
  attempt: (client: Client, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return attempt(await clients.elb(purse), signal);
}

/** What a call about one thing answers. */
function one<T>(list: readonly T[] | undefined): T {
  const [first] = list ?? [];
  if (first === undefined) throw new Error("AWS answered a change without what was changed");
  return first;
}

/** All pages of a list; the first that fails is the answer. */
export async function paged<T>(
  page: (marker: string | undefined) => Promise<Answer<{ items: T[]; next: string | undefined }>>,
): Promise<Answer<T[]>> {
  const all: T[] = [];
  let marker: string | undefined;
  do {
    const came = await page(marker);
    if (came.is === "failed") return came;
    all.push(...came.value.items);
    marker = came.value.next === "" ? undefined : came.value.next;
  } while (marker !== undefined);
  return { is: "ok", value: all };
}
