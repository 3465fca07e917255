// breaks: typescript(no-floating-promises)
export const forget = (promise: Promise<void>): void => {
  promise.then(() => undefined);
};
