// breaks: typescript(no-unsafe-return)
export const parse = (text: string): { readonly name: string } => JSON.parse(text);
