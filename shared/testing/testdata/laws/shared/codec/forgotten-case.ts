// breaks: typescript(switch-exhaustiveness-check)
export const name = (status: "running" | "ended"): string => {
  switch (status) {
    case "running":
      return "runs";
  }
  return "";
};
