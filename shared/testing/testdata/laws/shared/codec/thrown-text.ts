// breaks: typescript(only-throw-error)
export const fail = (): never => {
  throw "text";
};
