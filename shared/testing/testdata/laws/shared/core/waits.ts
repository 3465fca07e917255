// breaks: oxc(no-async-await)
export const wait = async (promise: PromiseLike<void>): Promise<void> => {
  await promise;
};
