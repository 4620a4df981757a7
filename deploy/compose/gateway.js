// Where browsers find the gateways that docker-compose.yml starts.
export const gateway = "http://localhost:8000/";
