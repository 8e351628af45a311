import { constants } from "node:fs";
import { access, appendFile } from "node:fs/promises";

/** The shop's database: one file of orders, a line of JSON each, shared by every revision that runs. */
export function openOrders(env) {
  const path = env.SHOP_ORDERS;
  return {
    /** Why the database cannot be used; undefined when it can. */
    async problem() {
      if (path === undefined) return "no database configured: SHOP_ORDERS is not set";
      return access(path, constants.W_OK).then(
        () => undefined,
        (error) => `cannot write ${error.path}: ${error.code}`,
      );
    },
    async add(order) {
      await appendFile(path, `${JSON.stringify({ at: new Date().toISOString(), ...order })}\n`);
    },
  };
}
