"""The command `broker`: for users through the client, for operators through the factory."""
