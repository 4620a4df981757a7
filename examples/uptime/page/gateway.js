// Where the gateway is. (`fanfare demo` serves the page itself, and says its own origin instead.)
export const gateway = "http://localhost:8080/";
