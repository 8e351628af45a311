/**
 * Which of two states of the same kind of objects is newer. Since Kubernetes 1.35 every resource version is a decimal
 * number that grows (KEP-5504, https://www.kubernetes.dev/resources/keps/5504/); before, that was so but not promised.
 * @returns below 0: `one` is older; above 0: newer; 0: equal; absent: one of them is no such number, so nothing follows.
 */
export function compareVersions(one: string | undefined, other: string | undefined): number | undefined {
  if (one === undefined || other === undefined || !DECIMAL.test(one) || !DECIMAL.test(other))
    return undefined;
  // They have no bound, so that neither number nor text order will do.
  if (one.length !== other.length) return one.length - other.length;
  return one === other ? 0 : one < other ? -1 : 1;
}

const DECIMAL = /^[1-9][0-9]*$/u;
