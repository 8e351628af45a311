/** Throws when the bucket that pays for a call is empty. */
export type Throttle = (service: string, operation: string) => void;

export const unthrottled: Throttle = () => {};
