// Has the gateway put a token into a cookie, which the console's requests bring along.

const error = document.getElementById("error");

document.querySelector("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const token = document.getElementById("token").value.trim();
  const answer = await fetch("token", { method: "POST", headers: { Authorization: `Bearer ${token}` } }).catch(() => null);
  if (answer?.ok) {
    localStorage.setItem("signed-in", "yes");
    return location.reload();
  }
  error.hidden = false;
  error.textContent = answer === null ? "the gateway cannot be reached" : (await answer.json()).error.message;
});
